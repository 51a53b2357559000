/** Figures and states in words. Numbers are in English, times in UTC. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export const count = (value) => whole.format(value);
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
export const perMinute = (value) => `${value > 0 && value < 10 ? fine.format(value) : count(value)} / min`;

/** 4.2 s, 3 min, 5 h 10 min, 2 d 4 h. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return 'unknown';
  if (seconds < 10) return `${fine.format(seconds)} s`;
  if (seconds < 90) return `${count(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let index = 0;
  let rest = value;
  while (rest >= 1024 && index < units.length - 1) {
    rest /= 1024;
    index += 1;
  }
  return `${rest >= 100 || index === 0 ? whole.format(rest) : fine.format(rest)} ${units[index]}`;
}

/** With a capital at its beginning, where that is a word and not an address or the name of the program. */
export const sentence = (text) =>
  /^(?!auditferry )[a-z]+[ ,]/.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;

/** 2026-01-02 03:04:05, from RFC 3339 or milliseconds. */
export function time(value) {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? String(value) : date.toISOString().slice(0, 19).replace('T', ' ');
}

export const clockTime = (value) => time(value).slice(11);

/** Seconds from now until a moment; negative when it is past. */
export const secondsUntil = (moment, now) => (Date.parse(moment) - Date.parse(now)) / 1000;

const STATES = {
  starting: ['starting', 'busy'],
  idle: ['idle', 'good'],
  working: ['working', 'busy'],
  retrying: ['retrying', 'warn'],
  held: ['held', 'bad'],
  waiting_for_space: ['waiting for space', 'warn'],
  standby: ['standby', 'quiet'],
  stopped: ['stopped', 'quiet'],
  not_running: ['not running', 'quiet'],
};

/** The word for a state, and its tone: good, busy, warn, bad or quiet. */
export function state(name) {
  const [word, tone] = STATES[name] ?? [name, 'quiet'];
  return { word, tone };
}
