# Verbs only; the build itself is CMakeLists.txt, and what each verb does is in ./dev.
PREFIX ?= /usr/local
DESTDIR ?=

all: build
build demo test check bench:
	@./dev $@

# make fuzz TARGET=gguf SECONDS=60
fuzz:
	@./dev fuzz $(TARGET) $(SECONDS)

# make install DESTDIR=/tmp/package PREFIX=/usr
install:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' ./dev install

clean:
	rm -rf build

help:
	@./dev help

.PHONY: all build demo test check bench fuzz install clean help
