"""Build the kernels. All static facts are in pyproject.toml.

REVURB_DEBUG=1     -O0 -g and Cython's checks     REVURB_ANNOTATE=1   HTML under build/cython/
REVURB_SANITIZE=1  ASan + UBSan
"""

import os

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

KERNELS = (
    "tally",
    "frames",
    "server_frames",
    "fanout",
    "heads",
    "plain_connection",
    "wheel",
    "handshakes",
    "client_messages",
    "member_lists",
    "queries",
    "digests",
    "event_bodies",
    "publishes",
    "heap",
    "log_events",
    "shared_log",
)
HEADERS = (
    "bytesops",
    "cpu",
    "evp",
    "json_text",
    "heap",
    "log_events",
    "log_memory",
    "mask",
    "sendops",
    "shared_log",
    "utf8",
    "utf8_avx2",
    "utf8_blocks",
    "utf8_vector",
)
DEBUG, ANNOTATE, SANITIZE = (
    os.environ.get(f"REVURB_{name}") == "1" for name in ("DEBUG", "ANNOTATE", "SANITIZE")
)

Options.warning_errors = True
optimize = ["-O0", "-g"] if DEBUG else ["-O3"]
sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g"] if SANITIZE else []

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"revurb._speedups.{name}",
                [f"revurb/_speedups/{name}.pyx"],
                include_dirs=["revurb/_speedups"],
                depends=[
                    f"revurb/_speedups/{name}.pyx",  # named here too: a source distribution takes what is named
                    *(f"revurb/_speedups/{header}.h" for header in HEADERS),
                ],
                extra_compile_args=["-Wall", "-Wextra", "-Wconversion", *optimize, *sanitize],
                extra_link_args=sanitize,
            )
            for name in KERNELS
        ],
        build_dir="build/cython",  # generated C never sits beside its source
        annotate=ANNOTATE,
        force=DEBUG or SANITIZE,
        compiler_directives={
            "language_level": 3,
            "nonecheck": DEBUG,
            "auto_pickle": False,  # the kernels own memory and sockets: a copy of them means nothing
            "autotestdict": False,
        },
    )
)
