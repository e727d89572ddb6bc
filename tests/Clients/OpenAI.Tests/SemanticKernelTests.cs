using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using static Evergrain.Clients.Tests.Scripts;

namespace Evergrain.Clients.Tests;

/// <summary>Semantic Kernel, which speaks chat completions and nothing else.</summary>
public sealed class SemanticKernelTests(BuiltServer server) : IClassFixture<BuiltServer>
{
    private const string Tool = "Lookups-lookup";

    private static readonly string Prompt =
        $"Go.\n@@script [{Call("a")},{{\"parallel\":[{Call("b")},{Call("c")}]}},{Say("all done")}]";

    private readonly List<string> _asked = [];

    [Fact]
    public async Task Loop_WithFunctions_RunsToItsEnd()
    {
        var (kernel, chat, settings) = Start();

        var answer = await chat.GetChatMessageContentAsync(new ChatHistory(Prompt, AuthorRole.User), settings, kernel);

        Assert.Equal("all done", answer.Content);
        Assert.Equal(["a", "b", "c"], _asked);
        var usage = Assert.IsType<OpenAI.Chat.ChatTokenUsage>(answer.Metadata!["Usage"]);
        Assert.Equal(usage.InputTokenCount + usage.OutputTokenCount, usage.TotalTokenCount);
    }

    [Fact]
    public async Task Loop_Streamed_RunsToItsEnd()
    {
        var (kernel, chat, settings) = Start();
        var text = "";

        await foreach (var piece in chat.GetStreamingChatMessageContentsAsync(
            new ChatHistory(Prompt, AuthorRole.User), settings, kernel))
        {
            text += piece.Content;
        }

        Assert.Equal("all done", text);
        Assert.Equal(["a", "b", "c"], _asked);
    }

    private static string Call(string key) => $$$"""{"call":"{{{Tool}}}","args":{"key":"{{{key}}}"}}""";

    private (Kernel Kernel, IChatCompletionService Chat, OpenAIPromptExecutionSettings Settings) Start()
    {
        var builder = Kernel.CreateBuilder();
        builder.AddOpenAIChatCompletion(BuiltServer.Model, new Uri(server.Address, "/v1"), "sk-right");
        var kernel = builder.Build();
        kernel.Plugins.AddFromFunctions("Lookups", [KernelFunctionFactory.CreateFromMethod(Look, "lookup")]);
        return (kernel, kernel.GetRequiredService<IChatCompletionService>(),
            new OpenAIPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() });

        string Look(string key)
        {
            _asked.Add(key);
            return $"value of {key}";
        }
    }
}
