import { describe, ForwardError } from '../../model/errors.ts';

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'give the account of this program write permission on the file and its folder',
  EEXIST: 'a part of the path is a file: choose another path',
  EISDIR: 'name a file, not a folder',
  ELOOP: 'name the file itself: a symbolic link at this path is not followed',
  ENOENT: 'create the folder, or allow the program to create it',
  ENOTDIR: 'a part of the path is a file: choose another path',
  EPERM: 'give the account of this program write permission on the file and its folder',
  EROFS: 'mount the file system writable, or choose another path',
};

/**
 * What a failed file operation means. A permission, a missing folder or a read-only file system needs a person:
 * `denied`. A full disk or a failing one may recover: `transient`.
 */
export function fileFailure(error: unknown, path: string, doing: string, ambiguous = false): ForwardError {
  if (error instanceof ForwardError) return error;
  const code = codeOf(error);
  const hint = HINTS[code];
  const message = `${path} cannot be ${doing}: ${describe(error)}`;
  if (hint !== undefined) return new ForwardError('denied', message, { cause: error, hint });
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new ForwardError('transient', message, {
    cause: error,
    ambiguous,
    hint: full ? 'free space on this file system' : undefined,
  });
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
