# The resolver: what is computed, and what is asked over loopback of a fake
# server that runs inside the test.
if HAVE_CMOCKA
dns_tests = tests/unit/test_dns_name tests/unit/test_dns_message \
	tests/unit/test_dns_cache tests/unit/test_dns_breaker \
	tests/unit/test_dns_wheel tests/unit/test_dns_server \
	tests/unit/test_dns_zone tests/unit/test_dns_zonefile \
	tests/unit/test_dns tests/unit/test_dns_net tests/unit/test_dns_away \
	tests/unit/test_dns_batch tests/unit/test_dnsbl \
	tests/unit/test_dnsbl_health tests/unit/test_dnsbl_name \
	tests/unit/test_dnsbl_test
check_PROGRAMS += $(dns_tests)
TESTS += $(dns_tests)

dns_test_libs = lists/liblists.a $(CARES_LIBS) $(PSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dns_name_SOURCES = tests/unit/test_dns_name.c
tests_unit_test_dns_name_LDADD = $(dns_test_libs)

tests_unit_test_dns_message_SOURCES = tests/unit/test_dns_message.c
tests_unit_test_dns_message_LDADD = $(dns_test_libs)

tests_unit_test_dns_cache_SOURCES = tests/unit/test_dns_cache.c
tests_unit_test_dns_cache_LDADD = $(dns_test_libs)

tests_unit_test_dns_breaker_SOURCES = tests/unit/test_dns_breaker.c
tests_unit_test_dns_breaker_LDADD = $(dns_test_libs)

tests_unit_test_dns_wheel_SOURCES = tests/unit/test_dns_wheel.c
tests_unit_test_dns_wheel_LDADD = $(dns_test_libs)

tests_unit_test_dns_server_SOURCES = tests/unit/test_dns_server.c
tests_unit_test_dns_server_LDADD = $(dns_test_libs)

tests_unit_test_dns_zone_SOURCES = tests/unit/test_dns_zone.c
tests_unit_test_dns_zone_LDADD = $(dns_test_libs)

tests_unit_test_dns_zonefile_SOURCES = tests/unit/test_dns_zonefile.c
tests_unit_test_dns_zonefile_LDADD = $(dns_test_libs)

# over a zone: no sockets
tests_unit_test_dns_SOURCES = tests/unit/test_dns.c
tests_unit_test_dns_LDADD = $(dns_test_libs)

tests_unit_test_dns_batch_SOURCES = tests/unit/test_dns_batch.c
tests_unit_test_dns_batch_LDADD = $(dns_test_libs)

tests_unit_test_dnsbl_health_SOURCES = tests/unit/test_dnsbl_health.c \
	tests/unit/dnsbl_stories.c tests/unit/dnsbl_stories.h
tests_unit_test_dnsbl_health_LDADD = $(dns_test_libs)

tests_unit_test_dnsbl_name_SOURCES = tests/unit/test_dnsbl_name.c
tests_unit_test_dnsbl_name_LDADD = $(dns_test_libs)

# over a zone as well
dnsbl_world = tests/unit/dnsbl_world.c tests/unit/dnsbl_world.h
tests_unit_test_dnsbl_SOURCES = tests/unit/test_dnsbl.c $(dnsbl_world)
tests_unit_test_dnsbl_LDADD = $(dns_test_libs)
tests_unit_test_dnsbl_test_SOURCES = tests/unit/test_dnsbl_test.c \
	$(dnsbl_world)
tests_unit_test_dnsbl_test_LDADD = $(dns_test_libs)

dns_scene = tests/unit/dns_scene.c tests/unit/dns_scene.h \
	tests/unit/fakedns.c tests/unit/fakedns.h \
	tests/unit/fakedns_say.c tests/unit/fakedns_say.h
tests_unit_test_dns_net_SOURCES = tests/unit/test_dns_net.c $(dns_scene)
tests_unit_test_dns_net_LDADD = $(dns_test_libs)
tests_unit_test_dns_away_SOURCES = tests/unit/test_dns_away.c $(dns_scene)
tests_unit_test_dns_away_LDADD = $(dns_test_libs)
endif
