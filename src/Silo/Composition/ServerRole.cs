using Evergrain.Frontend;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Silo.Composition;

/// <summary>What a process is: <c>Evergrain:Role</c>.</summary>
internal enum ServerRole
{
    /// <summary>The default: holds conversations, takes requests, and needs no other process.</summary>
    Alone,

    /// <summary>A process of a cluster that holds conversations and takes requests.</summary>
    Both,

    /// <summary>A process of a cluster that holds conversations.</summary>
    Silo,

    /// <summary>A process of a cluster that takes requests.</summary>
    Frontend,
}

/// <summary>Reads roles, and says what they do.</summary>
internal static class ServerRoles
{
    public static bool IsSilo(this ServerRole role) => role is ServerRole.Both or ServerRole.Silo;

    public static bool IsFrontend(this ServerRole role) => role is ServerRole.Both or ServerRole.Frontend;

    /// <summary>Reads the role.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static ServerRole Read(IConfiguration configuration) =>
        configuration[$"{EvergrainOptions.Section}:Role"] switch
        {
            null or "" or "alone" => ServerRole.Alone,
            "both" => ServerRole.Both,
            "silo" => ServerRole.Silo,
            "frontend" => ServerRole.Frontend,
            var other => throw new InvalidDataException(
                $"Role must be alone, both, silo or frontend, not '{other}'."),
        };
}
