# retry COMMAND...: once more after ten seconds, since registries and mirrors are busy at times. To be sourced.
retry() {
  "$@" || { sleep 10 && "$@"; }
}
