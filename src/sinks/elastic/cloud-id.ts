import { ForwardError } from '../../model/errors.ts';

const DEFAULT_PORT = '443';

/**
 * The Elasticsearch URL that an Elastic Cloud ID names. The part after the last colon is base64 of
 * `host[:port]$elasticsearch[:port]$kibana`; the port beside the Elasticsearch part wins over the one beside the host.
 * Throws `config` for anything else, and for characters that would turn the host into something else than a host.
 * Source: libbeat/cloudid of Elastic's Beats; two parts are enough, as for Elastic's JavaScript client.
 */
export function cloudIdUrl(cloudId: string): URL {
  const encoded = cloudId.slice(cloudId.lastIndexOf(':') + 1).trim();
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const [hostPart = '', elasticPart = ''] = decoded.split('$');
  if (hostPart === '' || elasticPart === '' || /[#@?/\\\s\p{Cc}]/u.test(decoded)) throw unreadable();
  const [host = '', hostPort = DEFAULT_PORT] = hostPart.split(':');
  const [name = '', port = hostPort] = elasticPart.split(':');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw unreadable();
  try {
    return new URL(`https://${name}.${host}:${port}/`);
  } catch {
    throw unreadable(); // the URL parser's own words would only repeat the decoded text
  }
}

function unreadable(): ForwardError {
  return new ForwardError('config', 'cannot be read as an Elastic Cloud ID', {
    hint: 'copy it again from the deployment page, or give `url` instead',
  });
}
