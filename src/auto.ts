/**
 * `node --import tallystick/auto app.js`: records the frameworks that an unchanged program uses, and decides their tools,
 * where a framework can be reached without its program (docs/frameworks.md). It loads nothing before a framework is used,
 * and changes nothing of a program that uses none.
 */
import { watchAiSdk } from './plugins/ai-auto.ts';

watchAiSdk();
// A framework that has a hook for the whole process gets its line here, and loads its part when the hook is used.
