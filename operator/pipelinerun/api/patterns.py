"""Forms of strings, and how to say to a person what each of them is."""

NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"
IMPORT_PATTERN = (
    r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
    r":[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
)
OBJECT_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
REPOSITORY_PATTERN = (
    r"^(https?://[^@\s]+"
    r"|ssh://([A-Za-z0-9_][A-Za-z0-9_.+-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/[^\s]+"
    r"|[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s]+)$"
)
FOLDER_PATTERN = r"^(\.|[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)$"
QUANTITY_PATTERN = r"^([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$"

MEANINGS = {
    NAME_PATTERN: "should be letters, digits and - _ . between them",
    IMPORT_PATTERN: "should be package.module:attribute, such as steps:clean",
    OBJECT_PATTERN: "should be small letters, digits and - . between them",
    REPOSITORY_PATTERN: (
        "should be https://host/path, ssh://user@host/path or user@host:path, without a password"
    ),
    FOLDER_PATTERN: "should be a folder in the repository, such as services/text, or .",
    QUANTITY_PATTERN: "should be a quantity of bytes, such as 512Mi",
}
