import { readFileSync } from 'node:fs';

import type { Answer } from './answer.ts';

/** Every file of the page, by its path; nothing else is ever read from the disk for a request. */
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/page/style.css': 'style.css',
  '/page/controls.css': 'controls.css',
  '/page/drawings.css': 'drawings.css',
  '/page/parts.css': 'parts.css',
  '/page/events.css': 'events.css',
  '/page/icon.svg': 'icon.svg',
  '/page/app.js': 'app.js',
  '/page/dom.js': 'dom.js',
  '/page/words.js': 'words.js',
  '/page/api.js': 'api.js',
  '/page/path.js': 'path.js',
  '/page/replicas.js': 'replicas.js',
  '/page/answers.js': 'answers.js',
  '/page/attention.js': 'attention.js',
  '/page/pages.js': 'pages.js',
  '/page/drawer.js': 'drawer.js',
  '/page/coverage.js': 'coverage.js',
  '/page/charts.js': 'charts.js',
  '/page/letters.js': 'letters.js',
  '/page/events.js': 'events.js',
  '/page/configuration.js': 'configuration.js',
};

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Reads the page once, at the start: a file that is missing shows then and not at the first visit. */
export function loadPage(): ReadonlyMap<string, Answer> {
  return new Map(
    Object.entries(FILES).map(([path, file]) => {
      const contentType = CONTENT_TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
      return [
        path,
        { status: 200, contentType, body: readFileSync(new URL(`./page/${file}`, import.meta.url)) },
      ];
    }),
  );
}
