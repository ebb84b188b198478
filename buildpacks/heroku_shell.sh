#!/bin/bash
# The shell of images that Heroku's buildpacks made: what starts in them starts with .profile.d.
if [ -z "$EMPIRE_PROFILE" ]; then
    export EMPIRE_PROFILE=1 HOME=/app
    for file in /app/.profile.d/*.sh /app/.profile; do
        if [ -r "$file" ]; then
            . "$file"
        fi
    done
    unset file
fi
exec -a sh /bin/bash "$@"
