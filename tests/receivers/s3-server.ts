/** An S3 server that others wrote, with one bucket in it. */
export interface S3Server {
  readonly url: string;
  /** Names below a prefix, in order. */
  names(prefix: string): Promise<readonly string[]>;
  read(name: string): Promise<Buffer>;
  stop(): Promise<void>;
}

/** The keys that every server here is started with. */
export const S3_KEYS = { id: 'AKIDEXAMPLE', secret: '5e0f2a61-6a1e-4a55-9d5b-0e3c1c2d7f10' } as const;
export const S3_BUCKET = 'audit';
