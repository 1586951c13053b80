# One test a file of rules/: memory, facts and the text of rule files.
if HAVE_CMOCKA
syntax_tests = tests/unit/test_arena tests/unit/test_facts \
	tests/unit/test_diag tests/unit/test_lexer tests/unit/test_parser \
	tests/unit/test_include tests/unit/test_lint \
	tests/unit/test_parser_dnsbl
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

tests_unit_test_lint_SOURCES = tests/unit/test_lint.c
tests_unit_test_lint_LDADD = $(syntax_test_libs)

tests_unit_test_include_SOURCES = tests/unit/test_include.c \
	tests/unit/ast_dump.c tests/unit/ast_dump.h
tests_unit_test_include_LDADD = $(syntax_test_libs)

tests_unit_test_parser_SOURCES = tests/unit/test_parser.c \
	tests/unit/ast_dump.c tests/unit/ast_dump.h
tests_unit_test_parser_LDADD = $(syntax_test_libs)

tests_unit_test_parser_dnsbl_SOURCES = tests/unit/test_parser_dnsbl.c \
	tests/unit/ast_dump.c tests/unit/ast_dump.h
tests_unit_test_parser_dnsbl_LDADD = $(syntax_test_libs)
endif

# Judgement: from conditions to verdicts.
if HAVE_CMOCKA
judge_tests = tests/unit/test_regex tests/unit/test_names \
	tests/unit/test_expr tests/unit/test_ruleset tests/unit/test_bounds \
	tests/unit/test_hits tests/unit/test_verdict \
	tests/unit/test_reply_text tests/unit/test_example \
	tests/unit/test_early tests/unit/test_exempts \
	tests/unit/test_compile_dnsbl
check_PROGRAMS += $(judge_tests)
TESTS += $(judge_tests)

judge_test_libs = rules/librules.a lists/liblists.a $(PCRE2_LIBS) \
	$(IDN2_LIBS) $(CMOCKA_LIBS)
rule_bench = tests/unit/rule_bench.c tests/unit/rule_bench.h

tests_unit_test_regex_SOURCES = tests/unit/test_regex.c
tests_unit_test_regex_LDADD = $(judge_test_libs)

tests_unit_test_names_SOURCES = tests/unit/test_names.c
tests_unit_test_names_LDADD = $(judge_test_libs)

tests_unit_test_expr_SOURCES = tests/unit/test_expr.c $(rule_bench)
tests_unit_test_expr_LDADD = $(judge_test_libs)

tests_unit_test_ruleset_SOURCES = tests/unit/test_ruleset.c $(rule_bench)
tests_unit_test_ruleset_LDADD = $(judge_test_libs)

tests_unit_test_compile_dnsbl_SOURCES = tests/unit/test_compile_dnsbl.c \
	$(rule_bench)
tests_unit_test_compile_dnsbl_LDADD = $(judge_test_libs)

tests_unit_test_exempts_SOURCES = tests/unit/test_exempts.c $(rule_bench)
tests_unit_test_exempts_LDADD = $(judge_test_libs)

tests_unit_test_bounds_SOURCES = tests/unit/test_bounds.c $(rule_bench)
tests_unit_test_bounds_LDADD = $(judge_test_libs)

tests_unit_test_hits_SOURCES = tests/unit/test_hits.c $(rule_bench)
tests_unit_test_hits_LDADD = $(judge_test_libs)

tests_unit_test_verdict_SOURCES = tests/unit/test_verdict.c $(rule_bench)
tests_unit_test_verdict_LDADD = $(judge_test_libs)

tests_unit_test_reply_text_SOURCES = tests/unit/test_reply_text.c
tests_unit_test_reply_text_LDADD = $(judge_test_libs)

tests_unit_test_example_SOURCES = tests/unit/test_example.c $(rule_bench)
tests_unit_test_example_LDADD = $(judge_test_libs)

# The five promises' third: an early verdict is the final one.
tests_unit_test_early_SOURCES = tests/unit/test_early.c \
	tests/unit/early_model.c tests/unit/early_judge.c \
	tests/unit/early_model.h
tests_unit_test_early_LDADD = $(judge_test_libs)
endif
