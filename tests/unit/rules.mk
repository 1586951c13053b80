# One test a file of rules/: memory, facts and the text of rule files.
if HAVE_CMOCKA
syntax_tests = tests/unit/test_arena tests/unit/test_facts \
	tests/unit/test_diag tests/unit/test_lexer tests/unit/test_parser \
	tests/unit/test_include
check_PROGRAMS += $(syntax_tests)
TESTS += $(syntax_tests)

syntax_test_libs = rules/librules.a lists/liblists.a $(PCRE2_LIBS) \
	$(IDN2_LIBS) $(CMOCKA_LIBS)

tests_unit_test_arena_SOURCES = tests/unit/test_arena.c
tests_unit_test_arena_LDADD = $(syntax_test_libs)

tests_unit_test_facts_SOURCES = tests/unit/test_facts.c
tests_unit_test_facts_LDADD = $(syntax_test_libs)

tests_unit_test_diag_SOURCES = tests/unit/test_diag.c
tests_unit_test_diag_LDADD = $(syntax_test_libs)

tests_unit_test_lexer_SOURCES = tests/unit/test_lexer.c
tests_unit_test_lexer_LDADD = $(syntax_test_libs)

tests_unit_test_include_SOURCES = tests/unit/test_include.c \
	tests/unit/ast_dump.c tests/unit/ast_dump.h
tests_unit_test_include_LDADD = $(syntax_test_libs)

tests_unit_test_parser_SOURCES = tests/unit/test_parser.c \
	tests/unit/ast_dump.c tests/unit/ast_dump.h
tests_unit_test_parser_LDADD = $(syntax_test_libs)
endif
