using Evergrain.Providers.Chat;

namespace Evergrain.Providers.Servers;

/// <summary>The APIs that model servers can be spoken to in.</summary>
internal static class ModelApis
{
    /// <summary>What <see cref="ModelServerOptions.Api"/> may say.</summary>
    public static IReadOnlyList<string> Names { get; } = ["chat", "responses"];

    /// <summary>Creates the API of one server.</summary>
    public static IModelApi Create(ModelServerOptions server, ModelServerServices services) => server.Api switch
    {
        "chat" => new ChatApi(new ChatApiOptions
        {
            ReasoningField = server.ReasoningField,
            OutputLimitField = server.OutputLimitField,
        }, services.ChatInstruments),
        _ => throw new NotSupportedException($"ModelServers: Api '{server.Api}' is not in this build."),
    };
}
