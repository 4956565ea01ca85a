"""How the catalogue is shown: views of products, words for codes, the state of the list in the address."""
