# Processes: what they say to each other and to the log, and where they listen.
if HAVE_CMOCKA
process_tests = tests/unit/test_log tests/unit/test_link \
	tests/unit/test_listen tests/unit/test_backoff
check_PROGRAMS += $(process_tests)
TESTS += $(process_tests)

tests_unit_test_log_SOURCES = tests/unit/test_log.c filter/log.c
tests_unit_test_log_LDADD = rules/librules.a $(CMOCKA_LIBS)

tests_unit_test_link_SOURCES = tests/unit/test_link.c filter/link.c
tests_unit_test_link_LDADD = $(CMOCKA_LIBS)

tests_unit_test_listen_SOURCES = tests/unit/test_listen.c filter/listen.c \
	filter/lock.c
tests_unit_test_listen_LDADD = $(CMOCKA_LIBS)

tests_unit_test_backoff_SOURCES = tests/unit/test_backoff.c filter/backoff.c
tests_unit_test_backoff_LDADD = $(CMOCKA_LIBS)
endif

