# Runs checks one after the other, says how long each took, and counts. To be sourced; `count` prints the last line and tells the outcome.
export CI=true
results=$(mktemp -d)
passed=0
failed=0

# step NAME COMMAND...: one check that passes or fails as a whole.
step() {
  local name=$1 started=$SECONDS
  shift
  echo "--- $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
  echo "--- $name: $((SECONDS - started)) s"
}

# suite NAME COMMAND...: a vitest run, whose tests are counted one by one. A run that counts nothing has failed.
suite() {
  local name=$1 started=$SECONDS report=$results/$1.json status counts good bad
  shift
  echo "--- $name"
  "$@" --reporter=default --reporter=json --outputFile.json="$report"
  status=$?
  counts=$(node -e '
    const { numPassedTests: passed, numFailedTests: failed, testResults } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    const broken = testResults.filter((file) => file.status === "failed" && file.assertionResults.every((one) => one.status !== "failed")).length;
    console.log(passed, failed + broken);
  ' "$report" 2> /dev/null) || counts='0 1'
  read -r good bad <<< "$counts"
  add "$status" "$good" "$bad"
  echo "--- $name: $good passed, $bad failed, $((SECONDS - started)) s"
}

# add STATUS GOOD BAD: counts the tests of a command. One that ended badly, or with no test, has failed at least once.
add() {
  good=$2
  bad=$3
  if ((bad == 0 && ($1 != 0 || good == 0))); then bad=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

count() {
  echo "$passed passed, $failed failed"
  ((failed == 0))
}
