# rules/: judges; opens no sockets and no files of its own, asks no clock.
noinst_LIBRARIES += rules/librules.a
rules_librules_a_SOURCES = rules/arena.c rules/arena.h rules/facts.c rules/facts.h
