# One test a file of rules/mail/.
if HAVE_CMOCKA
mail_tests = tests/unit/test_unicode tests/unit/test_header \
	tests/unit/test_address tests/unit/test_token tests/unit/test_mailbox \
	tests/unit/test_author tests/unit/test_date tests/unit/test_charset \
	tests/unit/test_encoded
check_PROGRAMS += $(mail_tests)
TESTS += $(mail_tests)

mail_test_libs = rules/librules.a $(IDN2_LIBS) $(CMOCKA_LIBS)

tests_unit_test_unicode_SOURCES = tests/unit/test_unicode.c
tests_unit_test_unicode_LDADD = $(mail_test_libs)

tests_unit_test_header_SOURCES = tests/unit/test_header.c
tests_unit_test_header_LDADD = $(mail_test_libs)

tests_unit_test_address_SOURCES = tests/unit/test_address.c
tests_unit_test_address_LDADD = $(mail_test_libs)

tests_unit_test_token_SOURCES = tests/unit/test_token.c
tests_unit_test_token_LDADD = $(mail_test_libs)

tests_unit_test_mailbox_SOURCES = tests/unit/test_mailbox.c
tests_unit_test_mailbox_LDADD = $(mail_test_libs)

tests_unit_test_author_SOURCES = tests/unit/test_author.c
tests_unit_test_author_LDADD = $(mail_test_libs)

tests_unit_test_date_SOURCES = tests/unit/test_date.c
tests_unit_test_date_LDADD = $(mail_test_libs)

tests_unit_test_charset_SOURCES = tests/unit/test_charset.c
tests_unit_test_charset_LDADD = $(mail_test_libs) $(SECCOMP_LIBS)

tests_unit_test_encoded_SOURCES = tests/unit/test_encoded.c
tests_unit_test_encoded_LDADD = $(mail_test_libs)
endif
