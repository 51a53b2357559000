/** The two largest units of a time span, for people: `3h 12m`, `45s`. */
export function span(seconds: number): string {
  const whole = Math.max(Math.round(seconds), 0);
  const units: readonly (readonly [string, number])[] = [
    ['d', Math.floor(whole / 86_400)],
    ['h', Math.floor(whole / 3600) % 24],
    ['m', Math.floor(whole / 60) % 60],
    ['s', whole % 60],
  ];
  const first = units.findIndex(([, figure]) => figure > 0);
  if (first === -1) return '0s';
  return units
    .slice(first, first + 2)
    .filter(([, figure]) => figure > 0)
    .map(([unit, figure]) => `${figure}${unit}`)
    .join(' ');
}
