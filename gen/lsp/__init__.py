"""The language server: it answers an editor's questions about a `.nn` file with the compiler's own front end.

| module | does |
| --- | --- |
| `text` | converts positions of the protocol (UTF-16 by default) to offsets and back |
| `analysis` | makes everything that the features look at from a text: tree, diagnostics, values, names |
| `variables` | finds which names of a file, and which attributes of its classes, are one variable |
| `members` | finds what is before a dot, and what can follow it |
| `cursor` | finds what the user is writing at a position, from the tokens alone |
| `words` | gives the arguments and the documentation of the language's own words |
| `hover`, `hints`, `completion`, `signatures`, `navigation`, `fixes`, `generated` | implement one feature each |
| `worker` | runs the threads that compute |
| `document` | keeps an open document: its text, the analysis, and the requests that wait for it |
| `connection`, `protocol` | read the client's messages, and refuse malformed ones |
| `server` | offers the features in the protocol's terms, on pygls |

The features are functions of an `Analysis`.  The tree lacks only the statements that the reader cannot read, so most
features work in a broken file.  A feature that needs the values of a broken part takes them from the last good
analysis, at the place that the text had there.
"""
