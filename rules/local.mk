# rules/: judges; opens no sockets and no files of its own, asks no clock.
noinst_LIBRARIES += rules/librules.a
rules_librules_a_SOURCES = rules/arena.c rules/arena.h rules/facts.c rules/facts.h
rules_librules_a_SOURCES += rules/diag.c rules/diag.h rules/utf8.c rules/utf8.h \
	rules/lexer.c rules/lexer.h rules/lexer_number.c rules/lexer_number.h \
	rules/ast.c rules/ast.h rules/parser.c rules/parser.h \
	rules/parser_value.c rules/parser_expr.c rules/parser_statement.c \
	rules/parser_verdict.c rules/parser_dnsbl.c rules/parser_example.c \
	rules/include.c rules/include.h

# rules/mail/: how mail is written.
rules_librules_a_SOURCES += \
	rules/mail/address.c rules/mail/address.h rules/mail/ascii.h \
	rules/mail/author.c rules/mail/author.h \
	rules/mail/charset.c rules/mail/charset.h \
	rules/mail/date.c rules/mail/date.h \
	rules/mail/encoded.c rules/mail/encoded.h \
	rules/mail/header.c rules/mail/header.h rules/mail/limits.h \
	rules/mail/mailbox.c rules/mail/mailbox.h \
	rules/mail/token.c rules/mail/token.h \
	rules/mail/unicode.c rules/mail/unicode.h

# Judgement: from the tree of a rule file to a verdict.
rules_librules_a_SOURCES += \
	rules/names.c rules/names.h rules/regex.c rules/regex.h rules/truth.h \
	rules/expr.c rules/expr.h rules/compile.c rules/compile.h \
	rules/compile_expr.c rules/compile_test.c rules/compile_list.c \
	rules/compile_dnsbl.c rules/compile_verdict.c rules/compile_order.c \
	rules/compiled.h rules/ruleset.c rules/ruleset.h rules/rule_list.c \
	rules/digest.c rules/example.c rules/exempts.c rules/hits.c rules/hits.h \
	rules/bounds.c rules/verdict.c rules/verdict.h \
	rules/reply_text.c rules/reply_text.h

# What is wrong with rules that compile.
rules_librules_a_SOURCES += rules/lint.c rules/lint.h rules/lint_score.c
