/** The commands of a search, parted at pipes outside quotes and brackets. */
export function commandsOf(search: string): string[] {
  const commands: string[] = [''];
  let [quoted, depth] = [false, 0];
  for (const [place, char] of [...search].entries()) {
    if (char === '"' && search[place - 1] !== '\\') quoted = !quoted;
    if (!quoted && '([{'.includes(char)) depth += 1;
    if (!quoted && ')]}'.includes(char)) depth -= 1;
    if (char === '|' && !quoted && depth === 0) commands.push('');
    else commands[commands.length - 1] += char;
  }
  return commands.map((command) => command.trim()).filter((command) => command !== '');
}

const FUNCTIONS_AND_WORDS = new Set(
  'if match mvjoin mvindex split relative_time now null strftime round case coalesce lower count dc min max sum values latest earliest eval perc50 perc95 by as AND OR NOT IN true'.split(
    ' ',
  ),
);
/** What Splunk adds to every event. */
const OF_SPLUNK = ['_time', '_indextime', 'index', 'sourcetype', 'host', 'source'];

/** The fields that a search asks of events: what a command makes is its own. Throws on a command that it does not know. */
export function fieldsOfSpl(search: string): Set<string> {
  const asked = new Set<string>();
  const made = new Set<string>(OF_SPLUNK);
  // Tokens of a dashboard stand for texts.
  const written = search.replace(/\$\w+\|s\$/g, '""');
  for (const [place, command] of commandsOf(written).entries()) {
    const [name, rest] = place === 0 ? ['search', command] : parted(command);
    const { uses, makes } = read(name, withoutTexts(rest));
    for (const field of uses) if (!made.has(field)) asked.add(field);
    for (const field of makes) made.add(field);
  }
  return asked;
}

function parted(command: string): [string, string] {
  const [, name = '', rest = ''] = /^(\w+)\s*(.*)$/s.exec(command) ?? [];
  return [name, rest];
}

/** Texts are values: no field is written in quotes. */
function withoutTexts(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
}

interface Effect {
  readonly uses: readonly string[];
  readonly makes: readonly string[];
}

function read(command: string, text: string): Effect {
  switch (command) {
    case 'search':
      return {
        uses: [...text.matchAll(/([\w.]+)\s*(?:=|>|<|!=| IN )/g)].map(([, field = '']) => field),
        makes: [],
      };
    case 'table':
    case 'fields':
    case 'dedup':
      return { uses: words(text.replace(/^- /, '')), makes: [] };
    case 'sort':
      return { uses: words(text).filter((word) => word !== '0'), makes: [] };
    case 'fillnull':
      return { uses: words(text.replace('value=""', '')), makes: [] };
    case 'bin':
      return { uses: words(text.replace(/span=\w+/, '')), makes: [] };
    case 'where':
      return { uses: words(text), makes: [] };
    case 'eval':
    case 'fieldformat': {
      const [, target = '', expression = ''] = /^(\w+)=(.*)$/s.exec(text) ?? [];
      return { uses: words(expression), makes: [target] };
    }
    case 'stats':
    case 'eventstats':
    case 'streamstats':
    case 'timechart': {
      const made = [...text.matchAll(/ as (\w+)/g)].map(([, field = '']) => field);
      const uses = words(text.replace(/ as \w+/g, '').replace(/\w+=\w+/g, ''));
      return { uses, makes: [...made, 'count'] };
    }
    default:
      throw new Error(`the command ${command} is not known to this test`);
  }
}

function words(text: string): string[] {
  const found = [...text.replace(/""/g, ' ').matchAll(/[a-zA-Z_](?:[\w.]|\{\})*/g)].map(([word]) => word);
  return found.filter((word) => !FUNCTIONS_AND_WORDS.has(word));
}
