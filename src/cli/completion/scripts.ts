export type Shell = 'bash' | 'zsh' | 'fish';

interface CompletionOption {
  /** `--config` or `-c`. */
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly takesFile: boolean;
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
  // The names are our own; a strange one would be code in the shell of whoever sources this.
  if (joined !== '' && !WORDS.test(joined)) throw new Error(`a command cannot be called "${joined}"`);
  return joined;
}

function bashScript(nodes: readonly CompletionNode[]): string {
  return [
    '# bash completion of auditferry: source <(auditferry completion bash)',
    '_auditferry() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" place="" word next',
    '  local -a replies=()',
    ...placeLoop('"${COMP_WORDS[@]:1:COMP_CWORD-1}"', nodes),
    '  case "$place|$previous" in',
    ...nodes.flatMap(({ path, options }) =>
      options
        .filter((option) => option.takesValue)
        .map((option) => {
          const action = option.takesFile
            ? 'mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null'
            : `mapfile -t COMPREPLY < <(compgen -W ${quote(option.values.join(' '))} -- "$current")`;
          return `    ${quote(`${key(path)}|${option.flag}`)}) ${action}; return;;`;
        }),
    ),
    '  esac',
    '  case "$place" in',
    ...nodes.map((node) => `    ${quote(key(node.path))}) next=${quote(followers(node).join(' '))};;`),
    '  esac',
    '  mapfile -t COMPREPLY < <(compgen -W "$next" -- "$current")',
    '}',
    'complete -F _auditferry auditferry',
    '',
  ].join('\n');
}

function zshScript(nodes: readonly CompletionNode[]): string {
  return [
    '#compdef auditferry',
    '# zsh completion of auditferry: auditferry completion zsh > "${fpath[1]}/_auditferry"',
    '_auditferry() {',
    '  local place="" word',
    '  local -a next',
    ...placeLoop('"${words[@]:1:$((CURRENT - 2))}"', nodes),
    '  case "$place|${words[CURRENT-1]}" in',
    ...nodes.flatMap(({ path, options }) =>
      options
        .filter((option) => option.takesValue)
        .map((option) => {
          const action = option.takesFile ? '_files' : `compadd -- ${option.values.map(quote).join(' ')}`;
          return `    ${quote(`${key(path)}|${option.flag}`)}) ${action}; return;;`;
        }),
    ),
    '  esac',
    '  case "$place" in',
    ...nodes.map((node) => `    ${quote(key(node.path))}) next=(${described(node).map(quote).join(' ')});;`),
    '  esac',
    "  _describe 'auditferry' next",
    '}',
    'compdef _auditferry auditferry',
    '',
  ].join('\n');
}

/** Walks over the words before the cursor: `place` becomes the command that they name. Both shells read it. */
function placeLoop(words: string, nodes: readonly CompletionNode[]): string[] {
  const known = nodes.filter(({ path }) => path.length > 0).map(({ path }) => quote(key(path)));
  return [
    `  for word in ${words}; do`,
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
    'complete -c auditferry -f',
  ];
  for (const { path, children, options, values } of nodes) {
    const start = `complete -c auditferry -n ${quote(`__auditferry_place ${JSON.stringify(key(path))}`)}`;
    for (const { name, description } of children)
      lines.push(`${start} -a ${quote(name)} -d ${quote(description)}`);
    for (const value of values) lines.push(`${start} -a ${quote(value)}`);
    for (const { flag, description, takesValue, takesFile, values: choices } of options) {
      const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      const value = !takesValue
        ? ''
        : takesFile
          ? ' -rF'
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
