'use strict';
// Steps through the rows of the diagrams, and shows what belongs to each. The page says the same without it.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };

  class Diagram {
    constructor(section, facts) {
      this.facts = facts;
      this.id = section.dataset.id;
      this.section = section;
      this.panel = document.getElementById(`${this.id}p`);
      this.at = -1;
      this.caused = null;
      const keys = make('div', undefined, 'keys');
      const all = [
        ['First', () => this.go(0)],
        ['Back', () => this.go(this.at - 1)],
        ['Next', () => this.go(this.at + 1)],
        ['Last', () => this.go(this.facts.rows.length - 1)],
      ];
      if (facts.violation !== null) all.push(['✕ Violation', () => this.toViolation()]);
      for (const [label, act] of all) {
        const button = make('button', label);
        button.type = 'button';
        button.addEventListener('click', act);
        keys.append(button);
      }
      this.place = make('span');
      keys.append(this.place);
      this.about = make('div', undefined, 'about');
      this.about.setAttribute('aria-live', 'polite');
      this.panel.replaceChildren(keys, this.about);
      this.panel.hidden = false;
      section.addEventListener('click', (event) => {
        const row = event.target.closest('.rows > li[id]');
        if (row) this.go(Number(row.id.slice(this.id.length + 1)), false);
        current = this;
      });
      this.go(facts.violation ?? 0, false);
    }

    row(number) {
      return document.getElementById(`${this.id}r${number}`);
    }

    toViolation() {
      if (this.facts.violation !== null) this.go(this.facts.violation);
    }

    go(number, scroll = true) {
      const last = this.facts.rows.length - 1;
      if (last < 0) return;
      const to = Math.max(0, Math.min(last, number));
      if (this.at >= 0) this.row(this.at).removeAttribute('aria-current');
      this.at = to;
      const row = this.row(to);
      row.setAttribute('aria-current', 'step');
      this.show(row);
      if (scroll) {
        // Twice: what was out of sight has its real height only once it is in sight.
        row.scrollIntoView({ block: 'center' });
        requestAnimationFrame(() => {
          const { top, bottom } = row.getBoundingClientRect();
          if (this.at === to && (top < 80 || bottom > innerHeight - 80)) row.scrollIntoView({ block: 'center' });
        });
      }
    }

    // A button that leads to the first row of a step, if it is shown.
    linkTo(step) {
      const place = this.facts.rows.indexOf(step);
      if (place < 0) return make('span', `step ${step}`);
      const button = make('button', `step ${step}`);
      button.type = 'button';
      button.addEventListener('click', () => this.go(place));
      return button;
    }

    show(row) {
      const { rows, steps, tasks } = this.facts;
      const step = rows[this.at];
      this.place.textContent = `${this.at + 1} of ${rows.length}`;
      const about = [make('h4', `Step ${step}, ${row.querySelector('time').textContent}`), make('p', row.querySelector('p').textContent)];
      if (this.caused) this.caused.classList.remove('cause');
      this.caused = null;
      const facts = steps[step];
      if (facts) {
        const [task, could, more, cause, sleeps] = facts;
        const others = could.filter((other) => other !== task).map((other) => tasks[other]);
        if (more > 0) others.push(`${more} more`);
        about.push(make('h4', 'Could have run instead'), make('p', others.length > 0 ? others.join(', ') : `nothing: only ${tasks[task]} could run`));
        about.push(make('h4', 'Why it ran'));
        const why = make('p');
        if (cause === -1) why.textContent = `${tasks[task]} was new`;
        else if (cause === -2) why.textContent = `${tasks[task]} had not begun to wait`;
        else {
          const waker = steps[cause];
          why.append(`${waker ? tasks[waker[0]] : 'another task'} woke it, in `, this.linkTo(cause));
          const place = rows.indexOf(cause);
          if (place >= 0) {
            this.caused = this.row(place);
            this.caused.classList.add('cause');
          }
        }
        about.push(why);
        if (sleeps !== null) about.push(make('p', `Then it sleeps until ${sleeps} ms.`));
      }
      const dialog = this.dialog();
      if (dialog.length > 0) about.push(make('h4', 'The user sees'), ...dialog);
      this.about.replaceChildren(...about);
    }

    dialog() {
      const lines = [...this.facts.accounts];
      for (const [row, account, line] of this.facts.changes) {
        if (row > this.at) break;
        lines[account] = line;
      }
      return lines.map((line) => {
        const account = make('div', undefined, 'account');
        account.append(make('b', line.name), ` ${line.state} `);
        const bar = make('progress');
        bar.max = Math.max(1, line.of);
        bar.value = Math.min(line.at, bar.max);
        bar.setAttribute('aria-label', line.name);
        account.append(bar, ` ${line.at} of ${line.of} `);
        if (line.text) account.append(make('span', line.text));
        for (const error of line.errors) account.append(make('p', `Error: ${error}`, 'error'));
        return account;
      });
    }
  }

  let current = null;
  const diagrams = [];
  for (const section of document.querySelectorAll('.diagram')) {
    diagrams.push(new Diagram(section, data.diagrams[diagrams.length]));
  }
  current = diagrams[0] ?? null;

  const help = make('dialog');
  help.setAttribute('aria-label', 'Keys');
  help.append(make('h2', 'Keys'));
  for (const [keys, what] of [
    ['↓ → j', 'the next row'], ['↑ ← k', 'the row before'], ['Home', 'the first row'], ['End', 'the last row'],
    ['v', 'the violation'], ['w', 'back to who woke it'], ['n', 'the next counterexample'], ['?', 'this help'], ['Esc', 'back'],
  ]) {
    const line = make('p');
    line.append(make('kbd', keys), ` ${what}`);
    help.append(line);
  }
  const close = make('button', 'Close');
  close.addEventListener('click', () => help.close());
  help.append(close);
  document.body.append(help);
  const opener = document.getElementById('help');
  if (opener) {
    opener.hidden = false;
    opener.addEventListener('click', () => help.showModal());
  }

  const acts = {
    ArrowDown: () => current.go(current.at + 1),
    ArrowRight: () => current.go(current.at + 1),
    j: () => current.go(current.at + 1),
    ArrowUp: () => current.go(current.at - 1),
    ArrowLeft: () => current.go(current.at - 1),
    k: () => current.go(current.at - 1),
    Home: () => current.go(0),
    End: () => current.go(current.facts.rows.length - 1),
    v: () => current.toViolation(),
    w: () => {
      const facts = current.facts.steps[current.facts.rows[current.at]];
      const place = facts ? current.facts.rows.indexOf(facts[3]) : -1;
      if (place >= 0) current.go(place);
    },
    n: () => {
      current = diagrams[(diagrams.indexOf(current) + 1) % diagrams.length];
      document.getElementById(current.id).scrollIntoView();
    },
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === '?') {
      help.showModal();
      event.preventDefault();
      return;
    }
    // Where arrows scroll by themselves, they do.
    if (!current || event.target.closest?.('.wide, pre, code')) return;
    const act = Object.hasOwn(acts, event.key) ? acts[event.key] : null;
    if (act) {
      act();
      event.preventDefault();
    }
  });

  for (const button of document.querySelectorAll('.copy')) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      const code = button.parentElement.querySelector('code');
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = 'Copied';
      } catch {
        // A browser may keep files away from the clipboard: then the text is ready to be copied.
        getSelection().selectAllChildren(code);
        button.textContent = 'Selected: Ctrl+C copies';
      }
    });
  }
})();
