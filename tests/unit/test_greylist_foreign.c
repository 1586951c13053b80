/*
 * test_greylist_foreign.c - a row is what another greylist wrote, and what we
 * make of it.
 */
#include "lists/greylist_foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The tests' now is 1732300000, 2024-11-22 18:26:40 UTC. */
static const struct greylist_foreign_terms usual = {
	.terms = { .wait = 300,
		   .window = 172800,
		   .keep = 3110400,
		   .known_gap = 86400,
		   .known_after = 5,
		   .outbound = 2592000 },
	.bits = { 24, 64 },
	.now = { 1732300000, 5000, 77 },
	.utc_offset = 3600,
};

/* What a reader says, a line each: "KEY = VALUE for LEFT", "!LINE: WHAT". */
struct heard {
	char text[32768];
	size_t len;
	int64_t now;
	unsigned entries_left; /* false from the entry behind */
};

static void hear(struct heard *heard, const char *line)
{
	size_t len = strlen(line);

	assert_true(heard->len + len < sizeof(heard->text));
	memcpy(heard->text + heard->len, line, len + 1);
	heard->len += len;
}

static bool hear_entry(void *context, uint64_t line,
		       const struct store_entry *entry)
{
	struct heard *heard = context;
	char text[1200];

	assert_true(line > 0);
	snprintf(text, sizeof(text), "%s = %s for %lld\n", entry->key,
		 entry->value, (long long)(entry->expires - heard->now));
	hear(heard, text);
	return heard->entries_left-- > 0;
}

static void hear_problem(void *context, uint64_t line, const char *what)
{
	char text[1200];

	snprintf(text, sizeof(text), "!%llu: %s\n", (unsigned long long)line,
		 what);
	hear(context, text);
}

static void count_up(const struct greylist_foreign_counts *counts)
{
	assert_int_equal(counts->records, counts->taken + counts->lapsed +
						  counts->hashed +
						  counts->other + counts->bad);
}

static struct greylist_foreign_counts read_in_pieces(
	const struct greylist_foreign_terms *terms,
	enum greylist_foreign_kind kind, const char *text, size_t len,
	size_t piece, struct heard *heard)
{
	struct greylist_foreign *foreign;
	struct greylist_foreign_counts counts;

	*heard = (struct heard){ .now = terms->now.wall, .entries_left = 1000 };
	foreign = greylist_foreign_new(kind, terms, hear_entry, hear_problem,
				       heard);
	assert_non_null(foreign);
	for (size_t i = 0; i < len; i += piece)
		assert_true(greylist_foreign_feed(foreign, text + i,
						  piece < len - i ? piece
								  : len - i));
	assert_true(greylist_foreign_end(foreign));
	counts = *greylist_foreign_counts(foreign);
	count_up(&counts);
	greylist_foreign_free(foreign);
	return counts;
}

struct row {
	const char *claim, *text, *heard;
};

static void check_rows(enum greylist_foreign_kind kind, const struct row *rows,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		static const size_t pieces[] = { 1, 7, 100000 };

		for (size_t j = 0; j < COUNT(pieces); j++) {
			struct heard heard;

			read_in_pieces(&usual, kind, rows[i].text,
				       strlen(rows[i].text), pieces[j], &heard);
			if (strcmp(heard.text, rows[i].heard) != 0)
				fail_msg("not so: %s\n%s\nbut is\n%s",
					 rows[i].claim, rows[i].heard,
					 heard.text);
		}
	}
}

/* --- postgrey ------------------------------------------------------------ */

#define DUMP(format, data)                                             \
	"VERSION=3\nformat=" format "\ntype=btree\ndb_pagesize=4096\n" \
	"HEADER=END\n" data "DATA=END\n"

static const struct row postgrey_rows[] = {
	{ "who came back after the wait has passed, for his network and his "
	  "domain",
	  DUMP("print", " 192.0.2.0/joe@example.org/bob@our.test\n"
			" 1732290000,1732299990\n"),
	  "net:192.0.2.0/24 joe@example.org bob@our.test = 1 passed "
	  "last=1732299990 first=1732290000 waited=0 uses=2 for 3110391\n"
	  "spf:example.org joe@example.org bob@our.test = 1 passed "
	  "last=1732299990 first=1732290000 waited=0 uses=2 for 3110391\n" },
	{ "who came once waits, from then on",
	  DUMP("print", " 192.0.2.0/joe@example.org/bob@our.test\n"
			" 1732299900,1732299900\n"),
	  "net:192.0.2.0/24 joe@example.org bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n"
	  "spf:example.org joe@example.org bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "who came back too early still waits",
	  DUMP("print", " 192.0.2.0/joe@nowhere/bob@our.test\n"
			" 1732299900,1732299999\n"),
	  "net:192.0.2.0/24 joe@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299999 tries=2 round=0 for 172701\n" },
	{ "the null sender proves no domain",
	  DUMP("print", " 192.0.2.0//bob@our.test\n 1732299900,1732299900\n"),
	  "net:192.0.2.0/24 <> bob@our.test = 1 waiting first=1732299900 "
	  "tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "a client is known by as many passes as it had",
	  DUMP("print", " 192.0.2.77\n 12,1732299000\n"),
	  "net:192.0.2.0/24 = 1 identity passes=12 round=0 counted=1732299000 "
	  "last=1732299000 for 3109401\n" },
	{ "addresses may be of six, in any case, and fully written",
	  DUMP("print", " 2001:DB8:0:0:0:0:0:1\n 1,1732300000\n"
			" 2001:db8:1:2:0:0:0:0/joe@nowhere/bob@our.test\n"
			" 1732299000,1732300000\n"),
	  "net:2001:db8::/64 = 1 identity passes=1 round=0 "
	  "counted=1732300000 last=1732300000 for 3110401\n"
	  "net:2001:db8:1:2::/64 joe@nowhere bob@our.test = 1 passed "
	  "last=1732300000 first=1732299000 waited=0 uses=2 for 3110401\n" },
	{ "--lookup-by-host writes a host's bits, and older ones three bytes",
	  DUMP("print", " 192.0.2.9/32/joe@nowhere/bob@our.test\n"
			" 1732299900,1732299900\n"
			" 192.0.2/joe@nowhere/bob@our.test\n"
			" 1732299900,1732299900,.45\n"),
	  "net:192.0.2.0/24 joe@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n"
	  "net:192.0.2.0/24 joe@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "slashes within addresses are theirs",
	  DUMP("print", " 192.0.2.0/prvs=joe/1@nowhere/b/c@our.test\n"
			" 1732299900,1732299900\n"),
	  "net:192.0.2.0/24 prvs=joe/#@nowhere b/c@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "bytes may be escaped, a backslash is two",
	  DUMP("print", " 192.0.2.0/a\\5c\\\\\\e9@nowhere/bob@our.test\n"
			" 1732299900,1732299900\n"),
	  "net:192.0.2.0/24 a{5c}{5c}{e9}@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "all bytes may be hexadecimal",
	  DUMP("bytevalue", " 3139322e302e322e3737\n"
			    " 312c31373332333030303030\n"),
	  "net:192.0.2.0/24 = 1 identity passes=1 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n" },
	{ "two dumps may stand one behind the other",
	  DUMP("print", " 192.0.2.1\n 1,1732300000\n")
		  DUMP("print", " 192.0.3.1\n 2,1732300000\n"),
	  "net:192.0.2.0/24 = 1 identity passes=1 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n"
	  "net:192.0.3.0/24 = 1 identity passes=2 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n" },
	{ "what has lapsed by our terms is left, and a clock in the future is "
	  "set back",
	  DUMP("print", " 192.0.2.1\n 9,1729189599\n"
			" 192.0.2.0/a@b/c@d\n 1732127199,1732127199\n"
			" 192.0.9.1\n 9,1932300000\n"),
	  "net:192.0.9.0/24 = 1 identity passes=9 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n" },
	{ "a hash of --privacy tells nothing",
	  DUMP("print", " da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
			" 1732299900,1732299900\n"),
	  "" },
	{ "what is wrong is told, and the rest goes on",
	  DUMP("print",
	       " 192.0.2.1\n one,1732300000\n 192.0.2\\\n 1,1732300000\n"
	       " a/b/c\n 1,1732300000\n 192.0.2.2\n 1732300000\n"
	       "x\n 1,2\n 192.0.2.3\n 1,1732300000\n"),
	  "!7: a value is not two numbers\n"
	  "!9: this key and value are not as db_dump writes them\n"
	  "!11: a key is no client, and no CLIENT/SENDER/RECIPIENT\n"
	  "!13: a value is not two numbers\n"
	  "!15: this key and value are not as db_dump writes them\n"
	  "net:192.0.2.0/24 = 1 identity passes=1 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n" },
	{ "a dump that was cut off says so",
	  "VERSION=3\nformat=print\nHEADER=END\n 192.0.2.1\n",
	  "!5: the last key has no value\n"
	  "!5: the dump ends before DATA=END: it was cut off\n" },
	{ "and so it does where another begins",
	  "VERSION=3\nformat=print\nHEADER=END\n" DUMP("print", ""),
	  "!4: the dump ends before DATA=END: it was cut off\n" },
	{ "lines of key and value, as small scripts write them",
	  "# of my script\n192.0.2.1 1,1732300000\r\n"
	  "192.0.3.1 => 1,1732300000\n2001:db8:: = 1,1732300000\n\n"
	  "192.0.4.1:\t1,1732300000\n"
	  "192.0.2.0/joe@nowhere/bob@our.test\t1732299900,1732299900\n"
	  "nothing\n",
	  "net:192.0.2.0/24 = 1 identity passes=1 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n"
	  "net:192.0.3.0/24 = 1 identity passes=1 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n"
	  "net:2001:db8::/64 = 1 identity passes=1 round=0 "
	  "counted=1732300000 last=1732300000 for 3110401\n"
	  "net:192.0.4.0/24 = 1 identity passes=1 round=0 counted=1732300000 "
	  "last=1732300000 for 3110401\n"
	  "net:192.0.2.0/24 joe@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n"
	  "!8: neither db_dump's nor KEY VALUE\n" },
	{ "nothing is nothing", "", "" },
};

static void test_postgrey(void **state)
{
	(void)state;
	check_rows(GREYLIST_POSTGREY, postgrey_rows, COUNT(postgrey_rows));
}

/* --- milter-greylist ----------------------------------------------------- */

static const struct row milter_rows[] = {
	{ "one that waits ends its wait when it would have there",
	  "#\n# milter-greylist databases, dumped by milter-greylist-4.6.2 on "
	  "2024-11-22 18:26:00.\n# DO NOT EDIT while milter-greylist is "
	  "running, changes will be overwritten.\n#\n\n\n#\n# stored tuples\n"
	  "#\n# Sender IP\tSender e-mail\tRecipient e-mail\tTime accepted\t"
	  "Unsuccessful shortest tarpit\n"
	  "192.0.2.7\t<joe@example.org>\t<bob@our.test>\t1732300200 # "
	  "2024-11-22 18:30:00\n#\n# Summary: 1 records, 1 greylisted, 0 "
	  "whitelisted, 0 tarpitted\n#\n",
	  "net:192.0.2.0/24 joe@example.org bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n"
	  "spf:example.org joe@example.org bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "no wait is longer than ours",
	  "192.0.2.7\ta@nowhere\tb@our.test\t1732309999 \n",
	  "net:192.0.2.0/24 a@nowhere b@our.test = 1 waiting "
	  "first=1732300000 tried=1732300000 tries=1 round=0 for 172801\n" },
	{ "AUTO has passed, until it lapses",
	  "192.0.2.7\t<>\t<bob@our.test>\t1732300001 AUTO # 2024-11-22 "
	  "18:26:41\n192.0.2.8\t<>\t<bob@our.test>\t1732299999 AUTO\n",
	  "net:192.0.2.0/24 <> bob@our.test = 1 passed last=1732300000 "
	  "first=1732300000 waited=0 uses=1 for 3110401\n" },
	{ "of six, with the name of an interface",
	  "2001:db8::1\ta@nowhere\tb@our.test\t1732300100\n"
	  "fe80::1%em0\ta@nowhere\tb@our.test\t1732300100\n",
	  "net:2001:db8::/64 a@nowhere b@our.test = 1 waiting "
	  "first=1732299800 tried=1732299800 tries=1 round=0 for 172601\n"
	  "net:fe80::/64 a@nowhere b@our.test = 1 waiting first=1732299800 "
	  "tried=1732299800 tries=1 round=0 for 172601\n" },
	{ "a '#' in an address is no remark",
	  "192.0.2.7 <a#b@nowhere> <c@our.test> 1732300100 # x\n",
	  "net:192.0.2.0/24 a#b@nowhere c@our.test = 1 waiting "
	  "first=1732299800 tried=1732299800 tries=1 round=0 for 172601\n" },
	{ "a tarpit means nothing here",
	  "192.0.2.7\t<a@x>\t<b@y>\t1732300100\t65 TARPIT # 2024\n", "" },
	{ "what is wrong is told",
	  "192.0.2.7\t<a@x>\t<b@y>\n192.0.2\t<a@x>\t<b@y>\tsoon\n"
	  "host\t<a@x>\t<b@y>\t1732300100\n"
	  "192.0.2.7\t<a@x>\t<b@y>\t1732300100 MAYBE\n"
	  "192.0.2.7\t\t<b@y>\t1732300100\n",
	  "!1: no ADDRESS, SENDER, RECIPIENT and TIME\n"
	  "!2: behind the recipient comes no time, or what is not known\n"
	  "!3: the first word is no address\n"
	  "!4: behind the recipient comes no time, or what is not known\n"
	  "!5: no ADDRESS, SENDER, RECIPIENT and TIME\n" },
};

static void test_milter_greylist(void **state)
{
	(void)state;
	check_rows(GREYLIST_MILTER_GREYLIST, milter_rows, COUNT(milter_rows));
}

/* --- sqlgrey ------------------------------------------------------------- */

#define JOE_WAITS                                                \
	"net:192.0.2.0/24 joe@nowhere bob@our.test = 1 waiting " \
	"first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n"
#define KNOWN(identity)                                               \
	identity " = 1 identity passes=5 round=0 counted=1732299900 " \
		 "last=1732299900 for 3110301\n"

static const struct row sqlgrey_rows[] = {
	{ "SQLite's: seconds, quotes doubled, and other tables passed over",
	  "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
	  "CREATE TABLE connect (sender_name varchar(64) NOT NULL);\n"
	  "INSERT INTO connect VALUES('o''brien','nowhere','192.0.2',"
	  "'bob@our.test',1732299900);\n"
	  "INSERT INTO from_awl VALUES('joe','example.org','192.0.2.7',"
	  "1732290000,1732299900);\n"
	  "INSERT INTO \"domain_awl\" VALUES('example.net','2001:db8:1:2',"
	  "1732290000,1732299900);\n"
	  "INSERT INTO config VALUES('version','3');\nCOMMIT;\n",
	  "net:192.0.2.0/24 o'brien@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" KNOWN(
		  "net:192.0.2.0/24") KNOWN("spf:example.org")
		  KNOWN("net:2001:db8:1:2::/64") KNOWN("spf:example.net") },
	{ "MySQL's: many rows a line, backslashes, times of UTC",
	  "-- MySQL dump 10.13\n"
	  "/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n"
	  "/*!40103 SET TIME_ZONE='+00:00' */;\n"
	  "CREATE TABLE `connect` (\n  `first_seen` timestamp NOT NULL DEFAULT "
	  "current_timestamp() COMMENT 'a;b(',\n  KEY `x` (`src`)\n) "
	  "ENGINE=InnoDB;\nLOCK TABLES `connect` WRITE;\n"
	  "/*!40000 ALTER TABLE `connect` DISABLE KEYS */;\n"
	  "INSERT INTO `connect` VALUES ('joe','nowhere','192.0.2.7',"
	  "'bob@our.test','2024-11-22 18:25:00'),('o\\'b\\\\','nowhere',"
	  "'192.0.2','bob@our.test','2024-11-22 18:25:00');\n",
	  JOE_WAITS
	  "net:192.0.2.0/24 o'b{5c}@nowhere bob@our.test = 1 waiting "
	  "first=1732299900 tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "PostgreSQL's: COPY, with columns in another order and a time zone",
	  "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = "
	  "'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n"
	  "COPY public.connect (src, sender_domain, sender_name, rcpt, "
	  "first_seen) FROM stdin;\n"
	  "192.0.2.7\tnowhere\tjoe\tbob@our.test\t2024-11-22 19:25:00.5\n"
	  "192.0.2.7\tnowhere\tjoe\tbob@our.test\t2024-11-22 14:55:00-03:30\n"
	  "192.0.2.7\t\\N\tjoe\tbob@our.test\t2024-11-22 19:25:00\n\\.\n\n"
	  "COPY public.config (parameter, value) FROM stdin;\nversion\t3\n"
	  "\\.\nINSERT INTO public.domain_awl VALUES ('example.net', "
	  "'192.0.2', '2024-11-01 00:00:00', E'2024-11-22 19:25:00');\n",
	  JOE_WAITS JOE_WAITS
	  "!10: no sender, or a name that is too long\n" KNOWN(
		  "net:192.0.2.0/24") KNOWN("spf:example.net") },
	{ "rows cut by tabs, named",
	  "sender_name\tsender_domain\tsrc\trcpt\t"
	  "first_seen\njoe\tnowhere\t192.0.2.7\tbob@our.test\t2024-11-22 "
	  "19:25:00\n",
	  JOE_WAITS },
	{ "rows cut by tabs, unnamed: told by what is in them",
	  "joe\tnowhere\t192.0.2.7\tbob@our.test\t20241122192500\n"
	  "joe\tnowhere\t192.0.2.7\t2024-11-22 10:25:00\t2024-11-22 "
	  "19:25:00\nnowhere\t192.0.2.7\t2024-11-22 10:25:00\t2024-11-22 "
	  "19:25:00\njoe\tnowhere\n",
	  JOE_WAITS KNOWN("net:192.0.2.0/24") KNOWN(
		  "net:192.0.2.0/24") "!4: neither four nor five columns\n" },
	{ "the null sender",
	  "INSERT INTO connect VALUES('-undef-','-undef-','192.0.2',"
	  "'bob@our.test',1732299900);",
	  "net:192.0.2.0/24 <> bob@our.test = 1 waiting first=1732299900 "
	  "tried=1732299900 tries=1 round=0 for 172701\n" },
	{ "words between, and what follows the rows",
	  "INSERT IGNORE INTO `sqlgrey`.`connect` (`sender_name`,"
	  "`sender_domain`,`src`,`rcpt`,`first_seen`) VALUES\n"
	  "('joe','nowhere','192.0.2.7','bob@our.test',1732299900) "
	  "ON DUPLICATE KEY UPDATE src='x';\n"
	  "/*M!999999\\- a sandbox */ /* it's */ -- it's\n"
	  "replace into \"public\".connect values ('joe','nowhere',"
	  "'192.0.2.7','bob@our.test',1732299900);\n",
	  JOE_WAITS JOE_WAITS },
	{ "what is wrong is told, and the rest goes on",
	  "INSERT INTO connect VALUES(replace('a\\nb','\\n',char(10)),"
	  "'nowhere','192.0.2','bob@our.test',1732299900);\n"
	  "INSERT INTO connect VALUES('joe','nowhere','here','b@c',1),\n"
	  "('joe','nowhere','192.0.2','','1732299900'),\n"
	  "('joe','nowhere','192.0.2','b@c','2024-13-01 00:00:00'),\n"
	  "('joe','nowhere','192.0.2','b@c',NULL),\n"
	  "(1,2,3,4,5,6,7,8,9),(),\n"
	  "('joe','nowhere','192.0.2.7','bob@our.test',1732299900);\n",
	  "!1: a row with something that is no value\n"
	  "!2: src is no address\n!3: no recipient, or one that is too long\n"
	  "!4: first_seen is no time\n!5: first_seen is no time\n"
	  "!6: a row with too many columns\n"
	  "!6: a row with something that is no value\n" JOE_WAITS },
	{ "a dump that was cut off says so",
	  "INSERT INTO connect VALUES('joe','nowh",
	  "!1: the dump ends within a statement: it was cut off\n" },
	{ "a dump with one part only is told to have ended, too",
	  "COPY connect FROM stdin;\n",
	  "!2: the dump ends within a statement: it was cut off\n" },
	{ "MySQL's never is long ago",
	  "INSERT INTO `connect` VALUES ('joe','nowhere','192.0.2','b@c',"
	  "'0000-00-00 00:00:00');",
	  "" },
};

static void test_sqlgrey(void **state)
{
	(void)state;
	check_rows(GREYLIST_SQLGREY, sqlgrey_rows, COUNT(sqlgrey_rows));
}

/* --- all ----------------------------------------------------------------- */

static void test_counts(void **state)
{
	static const char dump[] =
		DUMP("print",
		     " 192.0.2.1\n 5,1732300000\n 192.0.2.1\n 5,1\n"
		     " da39a3ee5e6b4b0d3255bfef95601890afd80709\n 1,1\n"
		     " 192.0.2.1\n x\n"
		     " 192.0.2.0/joe@example.org/bob@our.test\n"
		     " 1732299900,1732299900\n");
	static const char sql[] =
		"INSERT INTO config VALUES('version','3'),(replace(1),2);\n"
		"INSERT INTO connect VALUES('a','b','192.0.2','c@d',1732300000);";
	struct greylist_foreign_counts counts;
	struct heard heard;

	(void)state;
	counts = read_in_pieces(&usual, GREYLIST_POSTGREY, dump, strlen(dump),
				5, &heard);
	assert_int_equal(counts.lines, 16);
	assert_int_equal(counts.records, 5);
	assert_int_equal(counts.taken, 2);
	assert_int_equal(counts.entries, 3);
	assert_int_equal(counts.lapsed, 1);
	assert_int_equal(counts.hashed, 1);
	assert_int_equal(counts.bad, 1);
	counts = read_in_pieces(&usual, GREYLIST_SQLGREY, sql, strlen(sql), 5,
				&heard);
	assert_int_equal(counts.records, 3);
	assert_int_equal(counts.other, 2);
	assert_int_equal(counts.taken, 1);
	counts = read_in_pieces(&usual, GREYLIST_MILTER_GREYLIST,
				"192.0.2.7 a b 1 2 TARPIT\n", 25, 5, &heard);
	assert_int_equal(counts.records, 1);
	assert_int_equal(counts.other, 1);
}

/* Longer lines than there is room for, of each format. */
static void test_long_lines(void **state)
{
	static const char insert[] = "INSERT INTO connect VALUES";
	static const char row[] =
		"('joe','nowhere','192.0.2.7','bob@our.test',1732299900),";
	size_t size = 3 * GREYLIST_FOREIGN_LINE, len = strlen(insert);
	struct greylist_foreign_counts counts;
	char *text = malloc(size);
	static struct heard heard;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, "192.0.2.1 ", 10);
	text[size - 1] = '\n';
	counts = read_in_pieces(&usual, GREYLIST_POSTGREY, text, size, 1000,
				&heard);
	assert_string_equal(heard.text, "!1: the line is too long\n");
	assert_int_equal(counts.bad, 1);
	read_in_pieces(&usual, GREYLIST_MILTER_GREYLIST, text, size, 1000,
		       &heard);
	assert_string_equal(heard.text, "!1: the line is too long\n");

	/* a first statement is as long as it is; of its values none is */
	memcpy(text, insert, len);
	for (size_t i = 0; i < 100; i++, len += strlen(row))
		memcpy(text + len, row, strlen(row));
	assert_true(len < GREYLIST_FOREIGN_LINE);
	memcpy(text + len, "('", 2);
	memset(text + len + 2, 'x', size - len - 2);
	len = size - strlen(row) - 60;
	len += (size_t)sprintf(text + len,
			       "','nowhere','192.0.2.7','b@c',1),%s", row);
	text[len - 1] = ';';
	counts = read_in_pieces(&usual, GREYLIST_SQLGREY, text, len, 1000,
				&heard);
	assert_int_equal(counts.taken, 101);
	assert_int_equal(counts.bad, 1);
	free(text);
}

static void test_asked_to_stop(void **state)
{
	static const char dump[] = DUMP("print", " 192.0.2.1\n 5,1732300000\n"
						 " 192.0.3.1\n 5,1732300000\n");
	struct heard heard = { .entries_left = 0 };
	struct greylist_foreign *foreign =
		greylist_foreign_new(GREYLIST_POSTGREY, &usual, hear_entry,
				     hear_problem, &heard);

	(void)state;
	assert_false(greylist_foreign_feed(foreign, dump, strlen(dump)));
	assert_false(greylist_foreign_feed(foreign, dump, strlen(dump)));
	assert_false(greylist_foreign_end(foreign));
	assert_int_equal(greylist_foreign_counts(foreign)->entries, 1);
	greylist_foreign_free(foreign);
	greylist_foreign_free(NULL);
}

static void test_our_terms(void **state)
{
	struct greylist_foreign_terms terms = usual;
	struct heard heard;
	static const char dump[] =
		DUMP("print", " 192.0.2.7/32/joe@nowhere/bob@our.test\n"
			      " 1732299000,1732299400\n");
	static const char sql[] =
		"INSERT INTO domain_awl VALUES('nowhere','192.0.2.7',1,"
		"1732300000);";

	(void)state;
	terms.bits.v4 = 32;
	terms.terms.wait = 3600; /* has passed there: is not asked again */
	read_in_pieces(&terms, GREYLIST_POSTGREY, dump, strlen(dump), 9,
		       &heard);
	assert_string_equal(
		heard.text,
		"net:192.0.2.7 joe@nowhere bob@our.test = 1 passed "
		"last=1732299400 first=1732299000 waited=0 uses=2 for "
		"3109801\n");
	terms.terms.known_after = 9;
	read_in_pieces(&terms, GREYLIST_SQLGREY, sql, strlen(sql), 9, &heard);
	assert_string_equal(heard.text,
			    "net:192.0.2.7 = 1 identity passes=9 round=0 "
			    "counted=1732300000 last=1732300000 for "
			    "3110401\n");
}

static void test_names(void **state)
{
	(void)state;
	for (int i = GREYLIST_POSTGREY; i <= GREYLIST_SQLGREY; i++)
		assert_int_equal(greylist_foreign_kind(greylist_foreign_name(
					 (enum greylist_foreign_kind)i)),
				 i);
	assert_int_equal(greylist_foreign_kind("spamd"), GREYLIST_FOREIGN_NONE);
	assert_int_equal(greylist_foreign_kind(""), GREYLIST_FOREIGN_NONE);
}

static void test_binaries(void **state)
{
	static const char btree[16] = "\0\0\0\0\1\0\0\0\0\0\0\0\x62\x31\5";
	static const char hash[16] = "\0\0\0\0\1\0\0\0\0\0\0\0\0\6\x15\x61";

	(void)state;
	assert_non_null(strstr(greylist_foreign_binary(btree, 16), "db_dump"));
	assert_non_null(strstr(greylist_foreign_binary(hash, 16), "db_dump"));
	assert_non_null(strstr(greylist_foreign_binary("SQLite format 3", 16),
			       ".dump"));
	assert_non_null(
		strstr(greylist_foreign_binary("PGDMP\1", 6), "pg_restore"));
	assert_non_null(
		strstr(greylist_foreign_binary("\x1f\x8b\x08", 3), "gzip"));
	assert_non_null(strstr(greylist_foreign_binary("a\0b", 3), "no text"));
	assert_null(greylist_foreign_binary("VERSION=3\n", 10));
	assert_null(greylist_foreign_binary("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_postgrey),
		cmocka_unit_test(test_milter_greylist),
		cmocka_unit_test(test_sqlgrey),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_asked_to_stop),
		cmocka_unit_test(test_our_terms),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_binaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
