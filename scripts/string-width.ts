import { stripVTControlCharacters } from 'node:util';

/**
 * Stands in for the package of this name in the bundle. That one knows emoji and East Asian widths, for which it makes
 * three tables of Unicode whenever it is loaded: 50 ms of every command's 200. Our help has no such letters.
 */
function stringWidth(text: string): number {
  return stripVTControlCharacters(text).length;
}

export { stringWidth as default };
