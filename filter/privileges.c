/*
 * privileges.c - become the service user, with no way back.
 */
#include "filter/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct passwd *look_up(const char *user, char *why,
				    size_t why_size)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (entry && strlen(user) < sizeof(((struct privileges *)0)->user))
		return entry;
	snprintf(why, why_size, "set user: there is no user \"%s\"%s%s", user,
		 errno ? ": " : "", errno ? strerror(errno) : "");
	return NULL;
}

bool privileges_user(const char *user, char *why, size_t why_size)
{
	return *user == '\0' || look_up(user, why, why_size);
}

bool privileges_find(struct privileges *ret, const char *user, char *why,
		     size_t why_size)
{
	const struct passwd *entry;

	memset(ret, 0, sizeof(*ret));
	ret->uid = geteuid();
	ret->gid = getegid();
	if (*user == '\0')
		return true;
	entry = look_up(user, why, why_size);
	if (!entry)
		return false;
	if (entry->pw_uid == ret->uid && ret->uid != 0)
		return true;
	if (ret->uid != 0) {
		snprintf(why, why_size, "set user: only root can become \"%s\"",
			 user);
		return false;
	}
	if (entry->pw_uid == 0) /* said outright: run as root */
		return true;
	ret->drop = true;
	ret->uid = entry->pw_uid;
	ret->gid = entry->pw_gid;
	snprintf(ret->user, sizeof(ret->user), "%s", user);
	return true;
}

/* True if no call brings the old identity back. */
static bool is_final(const struct privileges *to)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 ||
	    getresgid(&rgid, &egid, &sgid) < 0)
		return false;
	if (ruid != to->uid || euid != to->uid || suid != to->uid ||
	    rgid != to->gid || egid != to->gid || sgid != to->gid)
		return false;
	return setuid(0) < 0 && seteuid(0) < 0 &&
	       (to->gid == 0 || (setgid(0) < 0 && setegid(0) < 0));
}

bool privileges_drop(const struct privileges *to, char *why, size_t why_size)
{
	const char *step = "setgroups";

	if (to->drop) {
		/* the user's own groups stay: the MTA's may be among them */
		if (initgroups(to->user, to->gid) < 0)
			goto fail;
		step = "setresgid";
		if (setresgid(to->gid, to->gid, to->gid) < 0)
			goto fail;
		step = "setresuid";
		if (setresuid(to->uid, to->uid, to->uid) < 0)
			goto fail;
		step = "giving up root for good";
		errno = EPERM;
		if (!is_final(to))
			goto fail;
	}
	step = "PR_SET_NO_NEW_PRIVS";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		goto fail;
	return true;
fail:
	snprintf(why, why_size, "set user: %s failed: %s", step,
		 strerror(errno));
	return false;
}

bool privileges_group(const char *name, gid_t *ret_gid, char *why,
		      size_t why_size)
{
	const struct group *entry;

	*ret_gid = (gid_t)-1;
	if (*name == '\0')
		return true;
	entry = getgrnam(name);
	if (!entry) {
		snprintf(why, why_size,
			 "set milter_socket_group: there is no group \"%s\"",
			 name);
		return false;
	}
	*ret_gid = entry->gr_gid;
	return true;
}
