/**
 * Files that ship with the program: device profiles and built web pages. They are found by asking Node where
 * the package `underglass` is, so one line holds in a clone, where sources run as they are, and in an
 * installed package, where they run built from another depth.
 */

/** The folders of the package that hold data. `dist/web` exists once the pages are built. */
export type DataFolder = 'device-profiles' | 'dist/web';

/** Where `name` is, as in `dataFile('device-profiles/sunspec/model_1.json')`. A name ending in `/` is a folder. */
export function dataFile(name: `${DataFolder}/${string}`): URL {
  return new URL(name, import.meta.resolve('underglass/package.json'));
}
