import type { Panel } from './dashboards.ts';

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Both products divide a dashboard into 48 columns. */
const COLUMNS = 48;
const SIZES: Readonly<Record<Panel['kind'], { readonly w: number; readonly h: number }>> = {
  number: { w: 12, h: 6 },
  over_time: { w: 24, h: 11 },
  table: { w: 24, h: 13 },
  events: { w: 48, h: 18 },
};

/** Panels from left to right, line by line, `top` rows from above. */
export function places(panels: readonly Panel[], top: number): Place[] {
  let [x, y, line] = [0, top, 0];
  return panels.map(({ kind }) => {
    const { w, h } = SIZES[kind];
    if (x + w > COLUMNS) [x, y, line] = [0, y + line, 0];
    const place = { x, y, w, h };
    x += w;
    line = Math.max(line, h);
    return place;
  });
}
