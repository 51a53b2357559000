import { catchSabotages } from './many-sabotages.ts';

catchSabotages(0);
