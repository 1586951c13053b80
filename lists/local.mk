noinst_LIBRARIES += lists/liblists.a
lists_liblists_a_SOURCES = \
	lists/entry.c lists/entry.h \
	lists/file.c lists/file.h \
	lists/hash.c lists/hash.h \
	lists/ip.c lists/ip.h \
	lists/iplist.c lists/iplist.h \
	lists/list.c lists/list.h \
	lists/listfile.c lists/listfile.h \
	lists/namelist.c lists/namelist.h
