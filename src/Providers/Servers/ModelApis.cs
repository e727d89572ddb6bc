namespace Evergrain.Providers.Servers;

/// <summary>The APIs that model servers can be spoken to in.</summary>
internal static class ModelApis
{
    /// <summary>What <see cref="ModelServerOptions.Api"/> may say.</summary>
    public static IReadOnlyList<string> Names { get; } = ["chat", "responses"];

    /// <summary>Creates an API for one server.</summary>
    /// <param name="api">One of <see cref="Names"/>.</param>
    /// <param name="server">The server's name: ids that it gave are known by it.</param>
    public static IModelApi Create(string api, string server) => throw new NotSupportedException(
        $"ModelServers: Api '{api}' of '{server}' is not in this build.");
}
