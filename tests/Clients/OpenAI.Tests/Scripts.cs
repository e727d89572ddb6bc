using System.Text.Json;
using OpenAI.Responses;

namespace Evergrain.Clients.Tests;

/// <summary>What the tests say to the built-in model, and how they read its answers.</summary>
internal static class Scripts
{
    /// <summary>A tool that the scripts call.</summary>
    public static readonly FunctionTool Lookup = ResponseTool.CreateFunctionTool(
        "lookup",
        BinaryData.FromString("""{"type":"object","properties":{"key":{"type":"string"}},"required":["key"]}"""),
        strictModeEnabled: false,
        functionDescription: "Looks a key up.");

    /// <summary>A user message that makes the model play these steps, each a JSON object.</summary>
    public static MessageResponseItem Play(params string[] steps) =>
        ResponseItem.CreateUserMessageItem($"Go.\n@@script [{string.Join(',', steps)}]");

    /// <summary>The step that says a text.</summary>
    public static string Say(string text) => $$"""{"say":{{JsonSerializer.Serialize(text)}}}""";

    /// <summary>The step that calls <see cref="Lookup"/>.</summary>
    public static string Look(string key) =>
        $$$"""{"call":"lookup","args":{"key":{{{JsonSerializer.Serialize(key)}}}}}""";

    public static CreateResponseOptions Create(params ResponseItem[] input) => new(BuiltServer.Model, input);

    /// <summary>An output for each call of a response.</summary>
    public static ResponseItem[] AnswersTo(ResponseResult response) =>
    [
        .. response.OutputItems.OfType<FunctionCallResponseItem>().Select(call =>
            ResponseItem.CreateFunctionCallOutputItem(call.CallId, $"value for {call.FunctionArguments}")),
    ];
}
