"""The language server: what an editor asks about a `.nn` file, answered from the compiler's own front end.

| module | does |
| --- | --- |
| `text` | positions of the protocol (UTF-16 by default) to offsets and back |
| `analysis` | a text → its tree, diagnostics, values, names: all that the features look at |
| `variables` | which names of a file, and which attributes of its classes, are one variable |
| `members` | what stands before a dot, and what can stand behind it |
| `cursor` | what is being written at a position, from the tokens alone |
| `words` | what the language's own words are: their arguments and documentation |
| `hover`, `hints`, `completion`, `signatures`, `navigation`, `fixes`, `generated` | a feature each |
| `worker` | the threads that compute |
| `document` | a document that is open: which text is analysed, and who waits for that |
| `connection`, `protocol` | what the client writes, as messages, and what is wrong with these |
| `server` | the features in the protocol's terms, on pygls |

The features are functions of an `Analysis`.  A statement that cannot be read is left out of the tree, the others are
there: so most works in a broken file.  What needs the values of what is broken takes them from the last good analysis,
at the place that the text had in it.
"""
