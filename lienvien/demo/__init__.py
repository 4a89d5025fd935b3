"""The story of the README, on this machine: hospitals send, people decide, a stranger checks.

``telling``   what is shown while it runs, and the tables at the end
``scenario``  the steps, in order
``evidence``  what is handed to the stranger
``running``   from an empty folder to the verdict, and the sandbox
"""
