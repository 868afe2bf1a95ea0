SGE_ROOT=/tmp/gridcompat-grid-kwowj4s6/root; export SGE_ROOT
SGE_CELL=default; export SGE_CELL
SGE_ARCH=lx-amd64; export SGE_ARCH
