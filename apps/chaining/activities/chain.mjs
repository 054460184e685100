// F1 to F4: each takes the order and what came before it, and adds its own effect once.

import { once } from './effects.mjs';

// F1: reserve the items.
export const reserve = ({ order }) => once(order, 'reserve', `reservation of ${order}`);

// F2: charge what was reserved.
export const charge = ({ order, reservation }) =>
  once(order, 'charge', `charge for ${reservation}`);

// F3: pack one item; many run at a time.
export const pack = ({ order, item }) => once(order, `pack-${item}`, `parcel of ${item}`);

// F4: deliver the parcels.
export const deliver = ({ order, parcels }) =>
  once(order, 'deliver', `delivery of ${parcels.length} parcels`);
