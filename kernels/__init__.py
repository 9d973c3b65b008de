"""How it is computed: kernels that know arrays only, never validate and never raise."""
