'use strict';

// From `folder/module.export` to the function: CommonJS and ES modules, as AWS's runtimes find them.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const { Fault } = require('./faults.cjs');

const NAME = /^([^.]*)\.(.*)$/;

/** The handler of the name. Throws a Fault in AWS's words, or what the module itself throws. */
async function load(taskRoot, name) {
  if (name.includes('..')) {
    throw new Fault(
      'Runtime.MalformedHandlerName',
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const file = path.basename(name);
  const match = NAME.exec(file);
  if (!match || !match[1] || !match[2]) {
    throw new Fault('Runtime.MalformedHandlerName', 'Bad handler');
  }
  const place = path.join(name.slice(0, name.length - file.length), match[1]);
  const found = match[2].split('.').reduce((value, key) => value?.[key], await imported(taskRoot, place));
  if (found === undefined || found === null) {
    throw new Fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  }
  if (typeof found !== 'function') {
    throw new Fault('Runtime.HandlerNotFound', `${name} is not a function`);
  }
  return found;
}

async function imported(taskRoot, place) {
  try {
    return await moduleAt(taskRoot, place);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('Runtime.UserCodeSyntaxError', String(error));
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Fault('Runtime.ImportModuleError', String(error));
    }
    throw error;
  }
}

async function moduleAt(taskRoot, place) {
  const base = path.resolve(taskRoot, place);
  const require = createRequire(path.join(taskRoot, 'index.js'));
  if (isFile(base)) return require(base);
  if (isFile(`${base}.js`)) {
    return isModuleFolder(path.dirname(base), taskRoot) ? import(url(`${base}.js`)) : require(`${base}.js`);
  }
  if (isFile(`${base}.mjs`)) return import(url(`${base}.mjs`));
  if (isFile(`${base}.cjs`)) return require(`${base}.cjs`);
  return require(require.resolve(place, { paths: [taskRoot, path.dirname(base)] }));
}

function url(file) {
  return pathToFileURL(file).href;
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Whether the nearest package.json, up to the package's root, says that .js files are ES modules. */
function isModuleFolder(folder, taskRoot) {
  const file = path.join(folder, 'package.json');
  if (isFile(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
    } catch {
      return false; // as AWS's runtime has it: an unreadable package.json says nothing
    }
  }
  const parent = path.dirname(folder);
  return folder !== taskRoot && parent !== folder && isModuleFolder(parent, taskRoot);
}

module.exports = { load };
