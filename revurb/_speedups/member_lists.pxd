# Nothing of this kernel is called from another.
