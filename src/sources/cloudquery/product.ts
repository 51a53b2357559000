import type { Product } from '../../formats/format.ts';

export const CLOUDQUERY: Product = {
  vendor: 'CloudQuery',
  name: 'CloudQuery Platform',
  slug: 'cloudquery',
  service: 'cloudquery-platform',
};
