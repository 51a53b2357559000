import { describe, expect, it, test } from 'vitest';

import { nameOf, readProxies } from '../../src/net/proxies.ts';

const target = (url: string): URL => new URL(url);

describe('a proxy variable', () => {
  test.each<[Record<string, string>, string, string | null]>([
    [{ https_proxy: 'http://proxy:3128' }, 'https://siem', 'https_proxy proxy:3128'],
    [{ HTTPS_PROXY: 'proxy:3128' }, 'https://siem', 'HTTPS_PROXY proxy:3128'],
    [{ HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:2' }, 'https://siem', 'https_proxy b:2'],
    [{ HTTPS_PROXY: 'http://a:1', https_proxy: '' }, 'https://siem', 'HTTPS_PROXY a:1'],
    [{ HTTPS_PROXY: 'http://a:1' }, 'http://siem', null],
    [{ HTTP_PROXY: 'http://a:1' }, 'https://siem', null],
    [{ HTTP_PROXY: '10.1.2.3:8080' }, 'http://siem', 'HTTP_PROXY 10.1.2.3:8080'],
    [{ ALL_PROXY: 'a:1' }, 'https://siem', 'ALL_PROXY a:1'],
    [{ all_proxy: 'a:1', HTTP_PROXY: 'b:2' }, 'http://siem', 'HTTP_PROXY b:2'],
    [{ HTTPS_PROXY: '[::1]:3128' }, 'https://siem', 'HTTPS_PROXY [::1]:3128'],
    [{ HTTPS_PROXY: 'http://[fd00::1]:3128/' }, 'https://siem', 'HTTPS_PROXY [fd00::1]:3128'],
    [{ HTTPS_PROXY: 'https://proxy' }, 'https://siem', 'HTTPS_PROXY proxy:443'],
    [{ HTTPS_PROXY: ' proxy ' }, 'https://siem', 'HTTPS_PROXY proxy:80'],
    [{}, 'https://siem', null],
  ])('%j for %s: %s', (environment, url, wanted) => {
    const proxy = readProxies(environment).for(target(url));
    const name = proxy === null ? null : nameOf(proxy).replace(/^the proxy in (\S+) \((.*)\)$/, '$1 $2');
    expect(name).toBe(wanted);
  });

  it('may carry credentials, which no name of it shows', () => {
    const proxy = readProxies({ HTTPS_PROXY: 'us%40er:p%3Ass@proxy:3128' }).for(target('https://siem'));
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from('us@er:p:ss').toString('base64')}`);
    expect(proxy === null ? '' : nameOf(proxy)).toBe('the proxy in HTTPS_PROXY (proxy:3128)');
    expect(readProxies({ HTTPS_PROXY: 'only@proxy:1' }).for(target('https://x'))?.authorization).toBe(
      `Basic ${Buffer.from('only:').toString('base64')}`,
    );
  });

  test.each([
    'socks5://user:hunter2@proxy:1080',
    'ftp://user:hunter2@proxy',
    'http://user:hunter2@proxy:99999',
    'http://user:hunter2@',
    'user:hunter2@pro xy:1',
    'http://user:hunter2%zz@proxy:3128',
    '://user:hunter2',
  ])('that is none is an error that names the variable alone: %s', (text) => {
    for (const name of ['https_proxy', 'HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY']) {
      expect(() => readProxies({ [name]: text })).toThrow(
        expect.objectContaining({
          kind: 'config',
          message: expect.stringMatching(new RegExp(`^(?!.*hunter2).*${name}\\b`)) as string,
          hint: expect.not.stringContaining('hunter2') as string,
        }),
      );
    }
  });
});

describe('no_proxy', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['*', ['https://siem', 'http://10.0.0.1:8088'], []],
    ['', [], ['https://siem']],
    [
      'example.com',
      ['https://example.com', 'https://a.b.example.com', 'https://EXAMPLE.com.'],
      ['https://notexample.com', 'https://example.com.evil.org', 'https://example.org'],
    ],
    ['.example.com', ['https://example.com', 'https://a.example.com'], ['https://aexample.com']],
    [
      '*.example.com',
      ['https://a.example.com', 'https://a.b.example.com'],
      ['https://example.com', 'https://example.org'],
    ],
    ['192.168.*', ['https://192.168.7.1'], ['https://192.169.7.1']],
    [
      'example.com:8443',
      ['https://example.com:8443', 'https://a.example.com:8443'],
      ['https://example.com', 'https://example.com:443'],
    ],
    ['example.com:443', ['https://example.com'], ['http://example.com']],
    [
      '10.0.0.0/8',
      ['https://10.255.1.2:9200', 'http://10.0.0.1'],
      ['https://11.0.0.1', 'https://host10.0.0.1.example'],
    ],
    ['192.168.4.0/22', ['https://192.168.7.255'], ['https://192.168.8.0']],
    ['127.0.0.1', ['http://127.0.0.1:8088', 'http://0x7f.1'], ['http://127.0.0.2', 'http://localhost']],
    ['::1', ['https://[::1]:8443'], ['https://[::2]']],
    ['[::1]', ['https://[::1]:8443'], ['https://[::2]']],
    ['[::1]:8443', ['https://[::1]:8443'], ['https://[::1]']],
    ['fd00::/8', ['https://[fd12:3456::1]'], ['https://[fe80::1]', 'https://10.0.0.1']],
    ['[fd00::]/8:443', ['https://[fd12::1]'], ['http://[fd12::1]']],
    ['10.0.0.0/8:9200', ['https://10.1.1.1:9200'], ['https://10.1.1.1']],
    ['10.0.0.0/99, 10.0.0.0/x ,, ,', [], ['https://10.0.0.1']],
    [
      'a.example b.example\tc.example,d.example',
      ['https://a.example', 'https://c.example', 'https://d.example'],
      ['https://e.example'],
    ],
  ])('%j', (list, direct, proxied) => {
    for (const name of ['no_proxy', 'NO_PROXY']) {
      const proxies = readProxies({ ALL_PROXY: 'proxy:1', [name]: list });
      for (const url of direct) expect(proxies.for(target(url)), url).toBeNull();
      for (const url of proxied) expect(proxies.for(target(url)), url).not.toBeNull();
    }
  });

  it('in lower case wins', () => {
    const proxies = readProxies({ ALL_PROXY: 'proxy:1', no_proxy: 'a.example', NO_PROXY: '*' });
    expect(proxies.for(target('https://b.example'))).not.toBeNull();
  });
});
