noinst_LIBRARIES += lists/liblists.a
lists_liblists_a_SOURCES = \
	lists/digits.h lists/dns.c lists/dns.h lists/dns_private.h \
	lists/dns_answer.c lists/dns_answer.h \
	lists/dns_batch.c lists/dns_batch.h \
	lists/dns_breaker.c lists/dns_breaker.h \
	lists/dns_cache.c lists/dns_cache.h \
	lists/dns_message.c lists/dns_message.h \
	lists/dns_name.c lists/dns_name.h \
	lists/dns_net.c lists/dns_net.h \
	lists/dns_open.c lists/dns_thread.c \
	lists/dns_server.c lists/dns_server.h \
	lists/dns_wheel.c lists/dns_wheel.h \
	lists/dns_zone.c lists/dns_zone.h \
	lists/dns_zonefile.c lists/dns_zonefile.h \
	lists/dns_zonewords.c lists/dns_zonewords.h \
	lists/dnsbl.c lists/dnsbl.h lists/dnsbl_private.h \
	lists/dnsbl_health.c lists/dnsbl_health.h lists/dnsbl_name.c \
	lists/dnsbl_test.c \
	lists/entry.c lists/entry.h \
	lists/file.c lists/file.h \
	lists/greylist.c lists/greylist.h \
	lists/greylist_clock.c lists/greylist_clock.h \
	lists/greylist_foreign.c lists/greylist_foreign.h \
	lists/greylist_foreign_dump.c lists/greylist_foreign_private.h \
	lists/greylist_foreign_rows.c lists/greylist_foreign_sql.c \
	lists/greylist_record.c lists/greylist_record.h \
	lists/hash.c lists/hash.h \
	lists/ip.c lists/ip.h \
	lists/iplist.c lists/iplist.h \
	lists/list.c lists/list.h \
	lists/listfile.c lists/listfile.h \
	lists/namelist.c lists/namelist.h \
	lists/sender_key.c lists/sender_key.h \
	lists/store.c lists/store.h lists/store_entry.c \
	lists/store_pair.c lists/store_pair.h \
	lists/store_pair_private.h lists/store_pair_tell.c \
	lists/store_queue.c lists/store_queue.h \
	lists/store_lmdb.c lists/store_lmdb.h lists/store_lmdb_private.h \
	lists/store_lmdb_check.c lists/store_lmdb_check.h \
	lists/store_lmdb_check_private.h lists/store_lmdb_page.c \
	lists/store_lmdb_env.c lists/store_lmdb_file.c \
	lists/store_lmdb_look.c lists/store_lmdb_queue.c \
	lists/store_lmdb_record.c lists/store_lmdb_room.c \
	lists/store_lmdb_sweep.c lists/store_lmdb_visit.c \
	lists/store_lmdb_writer.c \
	lists/store_redis.c lists/store_redis.h lists/store_redis_private.h \
	lists/store_redis_clock.c lists/store_redis_clock.h \
	lists/store_redis_edit.c lists/store_redis_greet.c \
	lists/store_redis_look.c \
	lists/store_redis_link.c lists/store_redis_link.h \
	lists/store_redis_place.c lists/store_redis_place.h \
	lists/store_redis_pool.c \
	lists/store_redis_reply.c lists/store_redis_reply.h \
	lists/store_redis_script.c \
	lists/suffix.c lists/suffix.h \
	lists/triplet.c lists/triplet.h

# What the server runs, as C strings: store_redis_script.c includes it.
lists/greylist_lua.inc: $(srcdir)/lists/greylist.lua
	$(AM_V_GEN)$(MKDIR_P) lists && \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' \
		$(srcdir)/lists/greylist.lua >$@.tmp && mv $@.tmp $@
lists/store_redis_script.$(OBJEXT): lists/greylist_lua.inc
CLEANFILES += lists/greylist_lua.inc
EXTRA_DIST += lists/greylist.lua
