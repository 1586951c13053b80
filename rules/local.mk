# rules/: judges; opens no sockets and no files of its own, asks no clock.
noinst_LIBRARIES += rules/librules.a
rules_librules_a_SOURCES = rules/arena.c rules/arena.h rules/facts.c rules/facts.h
rules_librules_a_SOURCES += rules/diag.c rules/diag.h rules/utf8.c rules/utf8.h \
	rules/lexer.c rules/lexer.h rules/lexer_number.c rules/lexer_number.h \
	rules/ast.h
