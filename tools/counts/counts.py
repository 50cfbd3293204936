#!/usr/bin/env python3
"""How many instructions a product executes, at levels of x86-64 under valgrind and of arm64 under qemu, as CSV.

usage: counts.py [-t TYPE,..] [-n TOKENS,..] PROGRAM LEVEL...    PROGRAM: test_check_kernels, built for the level

A product has 64 rows of 2048 columns. It is run once and twice, each in a program of its own; the difference is the
product and nothing else, exact to the instruction. The columns are per block of 32 weights and token:

  instructions   all that are executed
  multiply_adds  of these, those that multiply weights with activations: bytes, or floats where weights are floats
  least          as many as were needed if each of them were full: 32 over the products of one

Needed: valgrind for avx2; for arm64 qemu-aarch64, and aarch64-linux-gnu-objdump where this machine is another one.
What valgrind does not know (avx512vnni) counts itself, with PROGRAM = test_check_counts.
"""
import argparse
import csv
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

ROWS, BLOCKS = 64, 2048 // 32
FLOATS = ('f32', 'f16', 'bf16')
# Of a level, for weights in blocks: what multiplies bytes, and how many; then for floats.
BYTES = {'avx2': {'vpmaddubsw': 32}, 'neon': {'smull': 8, 'smull2': 8, 'smlal': 8, 'smlal2': 8},
         'dotprod': {'sdot': 16}, 'i8mm': {'sdot': 16, 'smmla': 32}}
REALS = {'avx2': {'vfmadd': 8}, 'arm': {'fmla': 4}}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f'counts: {command[0]} failed: {done.stdout.strip()[-400:]}')
    return done.stdout


def disassembly(objdump, *options):
    """Address -> mnemonic."""
    out = {}
    for line in run(objdump, '--no-show-raw-insn', *options).splitlines():
        address, colon, text = line.partition(':')
        if colon and text.strip() and not line.startswith(('Disassembly', '/')):
            try:
                out[int(address, 16)] = text.split()[0]
            except ValueError:
                pass  # a symbol's line
    return out


class Valgrind:
    """Executed instructions by address in the program, from callgrind; what lies elsewhere counts as "other"."""

    def __init__(self, program, folder):
        self.out = os.path.join(folder, 'callgrind')
        self.program, self.names = program, disassembly('objdump', '-d', program)

    def count(self, *arguments):
        run('valgrind', '--tool=callgrind', '--dump-instr=yes', '--compress-pos=no', '--compress-strings=no',
            f'--callgrind-out-file={self.out}', self.program, *arguments)
        total, inside, skip = Counter(), False, False
        with open(self.out) as lines:
            for line in lines:
                if line.startswith('ob='):
                    inside = line.strip() == 'ob=' + self.program
                elif line.startswith('0x') and not skip:
                    address, _, cost = line.split()
                    total[self.names.get(int(address, 16), 'other') if inside else 'other'] += int(cost)
                skip = line.startswith('calls=')  # the line after it has what the callee's own lines have, too
        return total


class Qemu:
    """Executed instructions by their words, from our plugin."""

    def __init__(self, program, folder):
        here = os.path.dirname(os.path.abspath(__file__))
        self.program, self.folder = program, folder
        self.plugin, self.out = os.path.join(folder, 'counts.so'), os.path.join(folder, 'words')
        run('cc', '-std=c11', '-D_GNU_SOURCE', '-O2', '-shared', '-fPIC', '-o', self.plugin,
            os.path.join(here, 'qemu_counts.c'))
        self.objdump = 'objdump' if platform.machine() == 'aarch64' else 'aarch64-linux-gnu-objdump'

    def count(self, *arguments):
        run('qemu-aarch64', '-cpu', 'max', '-plugin', f'{self.plugin},out={self.out}', self.program, *arguments)
        with open(self.out) as lines:
            words = [line.split() for line in lines]
        binary = os.path.join(self.folder, 'binary')
        with open(binary, 'wb') as f:
            f.write(b''.join(int(word, 16).to_bytes(4, 'little') for word, _ in words))
        names = disassembly(self.objdump, '-D', '-z', '-b', 'binary', '-m', 'aarch64', binary)
        total = Counter()
        for i, (_, count) in enumerate(words):
            total[names[4 * i]] += int(count)
        return total


def multiply_adds(level, dtype):
    """Mnemonic, or its beginning -> products of one instruction."""
    if dtype not in FLOATS:
        return BYTES[level]
    return REALS['avx2' if level == 'avx2' else 'arm']


def row(counter, level, dtype, tokens):
    once, twice = (counter.count('--product', level, dtype, str(tokens), rounds) for rounds in '12')
    product, unit = twice - once, ROWS * BLOCKS * tokens
    kinds = multiply_adds(level, dtype)
    used = sum(n for name, n in product.items() if name in kinds or (name[:6] in kinds and name[:1] == 'v'))
    widths = [width for name, width in kinds.items() if not (name == 'smmla' and tokens == 1)]
    return [level, dtype, tokens, f'{product.total() / unit:.3f}', f'{used / unit:.3f}', f'{32 / max(widths):g}']


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split('\n')[2][7:], description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-t', '--types', default='q4_0,q4_k,q6_k,q8_0,bf16')
    parser.add_argument('-n', '--tokens', default='1,2,4,8,64')
    parser.add_argument('program')
    parser.add_argument('levels', nargs='+', choices=list(BYTES))
    o = parser.parse_args()
    program, folder = os.path.realpath(o.program), tempfile.mkdtemp()
    out = csv.writer(sys.stdout, lineterminator='\n')
    try:
        out.writerow(['level', 'type', 'tokens', 'instructions', 'multiply_adds', 'least'])
        for level in o.levels:
            counter = (Valgrind if level == 'avx2' else Qemu)(program, folder)
            for dtype in o.types.split(','):
                for tokens in map(int, o.tokens.split(',')):
                    out.writerow(row(counter, level, dtype, tokens))
                    sys.stdout.flush()
    finally:
        shutil.rmtree(folder)


main()
