export type Shell = 'bash' | 'zsh' | 'fish';

interface CompletionOption {
  /** `--config` or `-c`. */
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly takesFile: boolean;
  /** Its value is the name of a sink or source of the configuration, which is asked for when it is completed. */
  readonly names: string | null;
  readonly values: readonly string[];
}

/** One command: its place below the program, what may follow it. */
export interface CompletionNode {
  /** Empty for the program itself. */
  readonly path: readonly string[];
  readonly children: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletionOption[];
  /** What its argument may be, where that is a choice. */
  readonly values: readonly string[];
  readonly takesFile: boolean;
}

/** The script of each shell, from the same tree of commands. */
export const completionScripts: Readonly<Record<Shell, (nodes: readonly CompletionNode[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const WORDS = /^[A-Za-z0-9][A-Za-z0-9 -]*$/;

function key(path: readonly string[]): string {
  const joined = path.join(' ');
  // The names are our own; a strange one would be code in the user's shell.
  if (joined !== '' && !WORDS.test(joined)) throw new Error(`a command cannot be called "${joined}"`);
  return joined;
}

function bashScript(nodes: readonly CompletionNode[]): string {
  return [
    '# bash completion of auditferry: source <(auditferry completion bash)',
    '_auditferry() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" place="" word before="" next',
    '  local -a config=()',
    ...placeLoop('"${COMP_WORDS[@]:1:COMP_CWORD-1}"', nodes),
    '  case "$place|$previous" in',
    ...valueCases(nodes, ({ names, values, takesFile }) => {
      if (takesFile) return BASH_FILES;
      const words =
        names === null
          ? quote(values.join(' '))
          : `"$("\${COMP_WORDS[0]}" names ${names}s "\${config[@]}" 2>/dev/null)"`;
      return `mapfile -t COMPREPLY < <(compgen -W ${words} -- "$current")`;
    }),
    '  esac',
    '  case "$place" in',
    ...nodes.map((node) => `    ${quote(key(node.path))}) next=${quote(followers(node).join(' '))};;`),
    '  esac',
    '  case "$place" in',
    `    ${placesWithFiles(nodes)}) [[ "$current" == -* ]] || { ${BASH_FILES}; return; };;`,
    '  esac',
    '  mapfile -t COMPREPLY < <(compgen -W "$next" -- "$current")',
    '}',
    'complete -F _auditferry auditferry',
    '',
  ].join('\n');
}

const BASH_FILES = 'mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null';

/** A pattern of the commands whose argument is a file. */
function placesWithFiles(nodes: readonly CompletionNode[]): string {
  return nodes
    .filter(({ takesFile, path }) => takesFile && path.length > 0)
    .map(({ path }) => quote(key(path)))
    .join('|');
}

function zshScript(nodes: readonly CompletionNode[]): string {
  return [
    '#compdef auditferry',
    '# zsh completion of auditferry: auditferry completion zsh > "${fpath[1]}/_auditferry"',
    '_auditferry() {',
    '  local place="" word before=""',
    '  local -a next config',
    ...placeLoop('"${words[@]:1:$((CURRENT - 2))}"', nodes),
    '  case "$place|${words[CURRENT-1]}" in',
    ...valueCases(nodes, ({ names, values, takesFile }) => {
      if (takesFile) return '_files';
      const words =
        names === null
          ? values.map(quote).join(' ')
          : `\${(f)"$("\${words[1]}" names ${names}s "\${config[@]}" 2>/dev/null)"}`;
      return `compadd -- ${words}`;
    }),
    '  esac',
    '  case "$place" in',
    ...nodes.map((node) => `    ${quote(key(node.path))}) next=(${described(node).map(quote).join(' ')});;`),
    '  esac',
    `  case "$place" in ${placesWithFiles(nodes)}) _files;; esac`,
    "  _describe 'auditferry' next",
    '}',
    'compdef _auditferry auditferry',
    '',
  ].join('\n');
}

/** What completes the value of each option that takes one. Both shells read it. */
function valueCases(
  nodes: readonly CompletionNode[],
  actionFor: (option: CompletionOption) => string,
): string[] {
  return nodes.flatMap(({ path, options }) =>
    options
      .filter((option) => option.takesValue)
      .map((option) => `    ${quote(`${key(path)}|${option.flag}`)}) ${actionFor(option)}; return;;`),
  );
}

/** Walks over the words before the cursor: `place` becomes the command that they name, `config` the file. Both shells read it. */
function placeLoop(words: string, nodes: readonly CompletionNode[]): string[] {
  const known = nodes.filter(({ path }) => path.length > 0).map(({ path }) => quote(key(path)));
  return [
    `  for word in ${words}; do`,
    '    case "$before" in -c|--config) config=(-c "${word/#\\~/$HOME}");; esac',
    '    before="$word"',
    '    case "${place:+$place }$word" in',
    `      ${known.join('|')}) place="\${place:+$place }$word";;`,
    '    esac',
    '  done',
  ];
}

function fishScript(nodes: readonly CompletionNode[]): string {
  const lines = [
    '# fish completion of auditferry: auditferry completion fish > ~/.config/fish/completions/auditferry.fish',
    'function __auditferry_place',
    '  set -l place',
    '  for word in (commandline -opc)[2..-1]',
    '    switch (string join " " -- $place $word)',
    `      case ${nodes
      .filter(({ path }) => path.length > 0)
      .map(({ path }) => quote(key(path)))
      .join(' ')}`,
    '        set -a place $word',
    '    end',
    '  end',
    '  test (string join " " -- $place) = "$argv[1]"',
    'end',
    'function __auditferry_names',
    '  set -l words (commandline -opc)',
    '  set -l at (contains -i -- -c $words; or contains -i -- --config $words)',
    '  if set -q at[1]; and set -q words[(math $at[1] + 1)]',
    '    auditferry names $argv[1] -c $words[(math $at[1] + 1)] 2>/dev/null',
    '  else',
    '    auditferry names $argv[1] 2>/dev/null',
    '  end',
    'end',
    'complete -c auditferry -f',
  ];
  for (const { path, children, options, values, takesFile } of nodes) {
    const start = `complete -c auditferry -n ${quote(`__auditferry_place ${JSON.stringify(key(path))}`)}`;
    for (const { name, description } of children)
      lines.push(`${start} -a ${quote(name)} -d ${quote(description)}`);
    for (const value of values) lines.push(`${start} -a ${quote(value)}`);
    if (takesFile) lines.push(`${start} -F`);
    for (const { flag, description, takesValue, takesFile: isFile, names, values: choices } of options) {
      const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      const value = !takesValue
        ? ''
        : isFile
          ? ' -rF'
          : names !== null
            ? ` -xa ${quote(`(__auditferry_names ${names}s)`)}`
            : choices.length > 0
              ? ` -xa ${quote(choices.join(' '))}`
              : ' -x';
      lines.push(`${start} ${name}${value} -d ${quote(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function followers({ children, options, values }: CompletionNode): string[] {
  return [...children.map(({ name }) => name), ...values, ...options.map(({ flag }) => flag)];
}

/** `name:description`, as _describe wants it. */
function described({ children, options, values }: CompletionNode): string[] {
  return [
    ...children.map(({ name, description }) => `${name}:${description}`),
    ...values,
    ...options.map(({ flag, description }) => `${flag}:${description}`),
  ];
}

/** In single quotes; one inside is closed around. Fish and POSIX shells read it alike. */
function quote(text: string): string {
  return `'${text.replaceAll('\\', '').replaceAll("'", `'\\''`)}'`;
}
