import { Argument } from 'commander';
import type { Command } from 'commander';

import { completionScripts } from './scripts.ts';
import type { CompletionNode, Shell } from './scripts.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[];

/** `auditferry completion`: a script for the shell, made from the commands as they are. */
export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(completionScripts[shell](describeCommands(program)));
    });
}

/** Every command with its options, the top first, parents before children. */
function describeCommands(program: Command): readonly CompletionNode[] {
  return nodesOf(program, []);
}

function nodesOf(command: Command, path: readonly string[]): CompletionNode[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command);
  const options = help.visibleOptions(command).flatMap((option) => {
    const flags = [option.short, option.long].filter((flag) => flag !== undefined && flag !== null);
    const takesFile = option.required && /<(file|path|folder)>/.test(option.flags);
    const names = /^--(sink|source) <name>/.exec(option.flags)?.[1] ?? null;
    const values = option.argChoices ?? [];
    const { description } = option;
    return flags.map((flag) => ({
      flag,
      description,
      takesValue: option.required,
      takesFile,
      names,
      values,
    }));
  });
  const node: CompletionNode = {
    path,
    children: children.map((child) => ({ name: child.name(), description: child.description() })),
    options,
    values: help.visibleArguments(command).flatMap((argument) => argument.argChoices ?? []),
    takesFile: help.visibleArguments(command).some((argument) => argument.name() === 'file'),
  };
  // The default command's options may stand directly behind its parent.
  const nested = children.flatMap((child) =>
    child.name() === 'help' ? [] : nodesOf(child, [...path, child.name()]),
  );
  return [node, ...nested];
}
