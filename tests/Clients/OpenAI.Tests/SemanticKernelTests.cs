using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using static Evergrain.Clients.Tests.Scripts;

namespace Evergrain.Clients.Tests;

/// <summary>
/// Semantic Kernel, which speaks chat completions and nothing else. It has nothing stored, unless it is told to.
/// </summary>
public sealed class SemanticKernelTests(RecognisingServer server) : IClassFixture<RecognisingServer>
{
    private const string Validated = "evergrain_items_validated_total", Rendered = "evergrain_items_rendered_total";

    // The prompt and three outputs; three calls and the last word.
    private const int Items = 8;

    private const string Tool = "Lookups-lookup";

    private static readonly string Prompt =
        $"Go.\n@@script [{Call("a")},{{\"parallel\":[{Call("b")},{Call("c")}]}},{Say("all done")}]";

    private readonly List<string> _asked = [];

    [Theory]
    [InlineData(null)]
    [InlineData(true)]
    public async Task Loop_WithFunctions_IsOneConversationAndWorksOnEachItemOnce(bool? store)
    {
        var (kernel, chat, settings) = Start(store);
        var history = new ChatHistory($"Stored: {store}. {Prompt}", AuthorRole.User);

        var (answer, worked) = await WorkedOnBy(() => chat.GetChatMessageContentAsync(history, settings, kernel));

        Assert.Equal("all done", answer.Content);
        Assert.Equal(["a", "b", "c"], _asked);
        var usage = Assert.IsType<OpenAI.Chat.ChatTokenUsage>(answer.Metadata!["Usage"]);
        Assert.Equal(usage.InputTokenCount + usage.OutputTokenCount, usage.TotalTokenCount);
        var ids = history.Append(answer).Where(static message => message.Role == AuthorRole.Assistant)
            .Select(static message => (string)message.Metadata!["Id"]!);
        Assert.Single(Conversations(ids));
        Assert.Equal((Items, Items), worked);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(true)]
    public async Task Loop_Streamed_IsOneConversationAndWorksOnEachItemOnce(bool? store)
    {
        var (kernel, chat, settings) = Start(store);
        var history = new ChatHistory($"Streamed. Stored: {store}. {Prompt}", AuthorRole.User);

        var (pieces, worked) = await WorkedOnBy(async () =>
        {
            var pieces = new List<StreamingChatMessageContent>();
            await foreach (var piece in chat.GetStreamingChatMessageContentsAsync(history, settings, kernel))
            {
                pieces.Add(piece);
            }

            return pieces;
        });

        Assert.Equal("all done", string.Concat(pieces.Select(static piece => piece.Content)));
        Assert.Equal(["a", "b", "c"], _asked);
        Assert.Single(Conversations(pieces.Select(static piece => (string)piece.Metadata!["CompletionId"]!)));
        Assert.Equal((Items, Items), worked);
    }

    private static IEnumerable<string> Conversations(IEnumerable<string> ids) =>
        ids.Select(static id => id["chatcmpl-".Length..].Split('_')[0]).Distinct(StringComparer.Ordinal);

    /// <summary>Runs a loop, and counts the items that were validated and rendered for it.</summary>
    private async Task<(T Result, (double Validated, double Rendered))> WorkedOnBy<T>(Func<Task<T>> run)
    {
        var before = (await server.CountAsync(Validated), await server.CountAsync(Rendered));
        var result = await run();
        return (result,
            (await server.CountAsync(Validated) - before.Item1, await server.CountAsync(Rendered) - before.Item2));
    }

    private static string Call(string key) => $$$"""{"call":"{{{Tool}}}","args":{"key":"{{{key}}}"}}""";

    private (Kernel Kernel, IChatCompletionService Chat, OpenAIPromptExecutionSettings Settings) Start(bool? store)
    {
        var builder = Kernel.CreateBuilder();
        builder.AddOpenAIChatCompletion(BuiltServer.Model, new Uri(server.Address, "/v1"), "sk-right");
        var kernel = builder.Build();
        kernel.Plugins.AddFromFunctions("Lookups", [KernelFunctionFactory.CreateFromMethod(Look, "lookup")]);
        var settings = new OpenAIPromptExecutionSettings
        {
            FunctionChoiceBehavior = FunctionChoiceBehavior.Auto(),
            Store = store,
        };
        return (kernel, kernel.GetRequiredService<IChatCompletionService>(), settings);

        string Look(string key)
        {
            _asked.Add(key);
            return $"value of {key}";
        }
    }
}
