#!/bin/sh
# The linker driver of `make publish ARCH=arm64`: the SDK passes clang's --target=, which gcc refuses.
for argument; do
    shift
    case $argument in --target=*) ;; *) set -- "$@" "$argument" ;; esac
done
exec aarch64-linux-gnu-gcc "$@"
