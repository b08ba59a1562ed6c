// What `limpet completion` prints: one function a shell, made of the tree; only what the running Limpet knows is asked when a key is pressed.
import { type CommandBranch, isFile, type OptionLeaf } from './completion-tree.ts';

type Tree = readonly CommandBranch[];

/** For bash 4 and later. */
export function bashScript(tree: Tree): string {
  const cases = tree.flatMap(({ name, words, options }) => [
    ...words.map((word) => bashCase(`${name}:${word.name}`, [], word.options, word.takes)),
    bashCase(
      `${name}:*`,
      words.map((word) => word.name),
      options,
    ),
  ]);
  return `# Completion of limpet for bash. In ~/.bashrc: eval "$(limpet completion bash)"
_limpet() {
  local typed=() i at=\${COMP_LINE:0:COMP_POINT} command='' word='' count=0 admin=() takes='' words='' options=''
  # By blanks alone: bash would break our words at colons, too.
  read -ra typed <<<"$at"
  [[ $at == *[[:space:]] ]] && typed+=('')
  local last=$((\${#typed[@]} - 1))
  local current=\${typed[last]} before=\${typed[last - 1]}
  COMPREPLY=()
  for ((i = 1; i < last; i++)); do
    case \${typed[i]} in
      --admin) admin=(--admin "\${typed[++i]}") ;;
      ${orNothing(valuesOf(tree).join('|'))}) ((i++)) ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then command=\${typed[i]}
        elif [[ -z $word ]]; then word=\${typed[i]}
        else ((count++)); fi
        ;;
    esac
  done
  case $before in
    ${orNothing(filesOf(tree).join('|'))})
      compopt -o filenames 2>/dev/null
      while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -f -- "$current")
      return
      ;;
    ${orNothing(valuesOf(tree).join('|'))}) return ;;
  esac
  if [[ -z $command ]]; then
    words='${tree.map(({ name }) => name).join(' ')}'
    options='--help --version'
  else
    case $command:$word in
${cases.join('\n')}
    esac
  fi
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
    return
  fi
  [[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n $takes && $count == 0 ]]; then
    while IFS= read -r i; do
      [[ $i == "$current"* ]] && COMPREPLY+=("$(printf %q "$i")")
    done < <("\${typed[0]}" completion names "$takes" "\${admin[@]}" 2>/dev/null)
  fi
  # Bash replaces what stands behind the last colon only.
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    local head=\${current%"\${current##*:}"}
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"$head"}; done
  fi
}
complete -F _limpet limpet
`;
}

function bashCase(
  pattern: string,
  words: readonly string[],
  options: readonly OptionLeaf[],
  takes?: string,
): string {
  const does = [`options='${options.map(({ long }) => long).join(' ')}'`];
  if (words.length > 0) does.push(`[[ -z $word ]] && words='${words.join(' ')}'`);
  if (takes !== undefined) does.push(`takes=${takes}`);
  return `      ${pattern}) ${does.join('; ')} ;;`;
}

export function zshScript(tree: Tree): string {
  const describe = (items: readonly (readonly [string, string])[]): string =>
    items.map(([name, does]) => quoted(`${name.replaceAll(':', '\\:')}:${does}`)).join(' ');
  const optionsOf = (options: readonly OptionLeaf[]): string =>
    describe(options.map(({ long, does }) => [long, does]));
  const cases = tree.flatMap(({ name, words, options }) => [
    ...words.map(
      (word) =>
        `    ${name}:${word.name}) options=(${optionsOf(word.options)})${word.takes === undefined ? '' : `; takes=${word.takes}`} ;;`,
    ),
    `    ${name}:*) options=(${optionsOf(options)})${
      words.length === 0
        ? ''
        : `; [[ -z $word ]] && choices=(${describe(words.map((word) => [word.name, word.does]))})`
    } ;;`,
  ]);
  return `#compdef limpet
# Completion of limpet for zsh. In ~/.zshrc, after compinit: eval "$(limpet completion zsh)"
_limpet() {
  local command='' word='' takes='' i
  integer count=0
  local -a admin choices options
  for (( i = 2; i < CURRENT; i++ )); do
    case \${words[i]} in
      --admin) admin=(--admin \${words[i + 1]}); (( i++ )) ;;
      ${orNothing(valuesOf(tree).join('|'))}) (( i++ )) ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then command=\${words[i]}
        elif [[ -z $word ]]; then word=\${words[i]}
        else (( count++ )); fi
        ;;
    esac
  done
  case \${words[CURRENT - 1]} in
    ${orNothing(filesOf(tree).join('|'))}) _files; return ;;
    ${orNothing(valuesOf(tree).join('|'))}) return ;;
  esac
  if [[ -z $command ]]; then
    choices=(${describe(tree.map(({ name, does }) => [name, does]))})
    options=(${describe([
      ['--help', 'lists the commands'],
      ['--version', 'of this Limpet'],
    ])})
  else
    case $command:$word in
${cases.join('\n')}
    esac
  fi
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe -o option options
    return
  fi
  (( $#choices )) && _describe word choices
  if [[ -n $takes ]] && (( count == 0 )); then
    compadd -- \${(f)"$(\${words[1]} completion names $takes $admin 2>/dev/null)"}
  fi
}
if [[ \${funcstack[1]} == _limpet ]]; then _limpet "$@"; else compdef _limpet limpet; fi
`;
}

export function fishScript(tree: Tree): string {
  const lines = [
    '# Completion of limpet for fish. In ~/.config/fish/config.fish: limpet completion fish | source',
  ];
  lines.push('complete -c limpet -f');
  for (const { name, does, words, options } of tree) {
    lines.push(`complete -c limpet -n __fish_use_subcommand -a ${name} -d ${quoted(does)}`);
    const isMeant = `__fish_seen_subcommand_from ${name}`;
    const names = words.map((word) => word.name);
    const isAlone =
      names.length === 0 ? isMeant : `${isMeant}; and not __fish_seen_subcommand_from ${names.join(' ')}`;
    for (const option of options) lines.push(fishOption(isAlone, option));
    for (const word of words) {
      lines.push(`complete -c limpet -n ${quoted(isAlone)} -a ${word.name} -d ${quoted(word.does)}`);
      const isWord = `${isMeant}; and __fish_seen_subcommand_from ${word.name}`;
      for (const option of word.options) lines.push(fishOption(isWord, option));
      if (word.takes !== undefined)
        lines.push(
          `complete -c limpet -n ${quoted(isWord)} -a '(limpet completion names ${word.takes} 2>/dev/null)'`,
        );
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishOption(condition: string, option: OptionLeaf): string {
  const { long, short, value, does } = option;
  const letter = short === null ? '' : ` -s ${short.slice(1)}`;
  const takes = value === null ? '' : isFile(option) ? ' -r -F' : ' -x';
  return `complete -c limpet -n ${quoted(condition)} -l ${long.slice(2)}${letter}${takes} -d ${quoted(does)}`;
}

/** Every option of any command that a value follows, but for --admin, in all its spellings. */
function valuesOf(tree: Tree): string[] {
  return spellings(tree, (option) => option.value !== null);
}

function filesOf(tree: Tree): string[] {
  return spellings(tree, isFile);
}

function spellings(tree: Tree, fits: (option: OptionLeaf) => boolean): string[] {
  const all = tree.flatMap(({ options, words }) => [...options, ...words.flatMap((word) => word.options)]);
  return [
    ...new Set(all.filter(fits).flatMap(({ long, short }) => (short === null ? [long] : [long, short]))),
  ];
}

/** A pattern that never matches where there is none. */
function orNothing(pattern: string): string {
  return pattern === '' ? "''" : pattern;
}

/** As one word of bash, zsh and fish alike: none of them looks into single quotes for anything but their end. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '').replaceAll("'", '’')}'`;
}
