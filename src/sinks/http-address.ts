import { ForwardError } from '../model/errors.ts';

/** The address of an HTTP receiver. Throws `config` where it is invalid (a port above 65535, say) or holds credentials. */
export function readHttpAddress(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ForwardError('config', 'is not an http or https address', {
      hint: 'expected one such as https://siem.example.com:8088, the port from 1 to 65535',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new ForwardError('config', 'holds a user name or a password', {
      hint: 'expected the address alone; credentials have keys of their own',
    });
  }
  return url;
}

/** What an option of one address and an option of several hold, each with its path. */
export function addressReads(options: {
  readonly url?: string;
  readonly urls?: readonly string[];
}): readonly (readonly [path: string, read: () => URL])[] {
  const named = [
    ...(options.url === undefined ? [] : [['url', options.url] as const]),
    ...(options.urls ?? []).map((text, index) => [`urls.${index}`, text] as const),
  ];
  return named.map(([path, text]) => [path, () => readHttpAddress(text)]);
}
