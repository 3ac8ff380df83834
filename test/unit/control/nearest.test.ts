import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/control/nearest.ts';

describe('what a person may have meant', () => {
  it.each([
    ['one letter is wrong', 'phane', 'phone'],
    ['two neighbours are swapped', 'phnoe', 'phone'],
    ['one is missing', 'tabet', 'tablet'],
    ['one is too many', 'tablett', 'tablet'],
    ['two slips in a long word', 'livng rom tv', 'Living room TV'],
    ['one slip in a short word', 'kid', 'kids'],
    ['two slips in a short word', 'kx', undefined],
    ['something else', 'fridge', undefined],
    ['nothing', '', undefined],
  ])('%s: %s', (_, text, meant) => {
    expect(nearest(text, ['tv', 'phone', 'tablet', 'kids', 'Living room TV'])).toBe(meant);
  });

  it('is the nearest of several', () => {
    expect(nearest('kitchem', ['kitten', 'kitchen', 'kitchens'])).toBe('kitchen');
  });
});
