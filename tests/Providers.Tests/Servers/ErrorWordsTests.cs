using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>What servers say of a context that is too long, and of a request that is at fault.</summary>
public sealed class ErrorWordsTests
{
    [Theory]
    [InlineData("OpenAI", "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens.")]
    [InlineData("OpenAI", "Your input exceeds the context window of this model. Please adjust your input.")]
    [InlineData("Azure", "Input tokens exceed the configured limit of 272000 tokens.")]
    [InlineData("vLLM", "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens.")]
    [InlineData("vLLM", "The decoder prompt (length 5000) is longer than the maximum model length of 4096.")]
    [InlineData("vLLM", "The prompt (total length 25938) is too long to fit into the model (context length 4096).")]
    [InlineData("vLLM", "The engine prompt length 1677 exceeds the max_model_len 256. Please reduce prompt.")]
    [InlineData("SGLang", "The input (61709 tokens) is longer than the model's context length (40960 tokens).")]
    [InlineData("SGLang", "Requested token count exceeds the model's maximum context length of 202752 tokens.")]
    [InlineData("SGLang", "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).")]
    [InlineData("llama.cpp", "request (1407 tokens) exceeds the available context size (256 tokens), try increasing")]
    [InlineData("llama.cpp", "the request exceeds the available context size. try increasing the context size")]
    [InlineData("Ollama", "the input length exceeds the context length")]
    [InlineData("Ollama", "prompt too long; exceeded max context length by 12 tokens")]
    [InlineData("LM Studio", "The number of tokens to keep from the initial prompt is greater than the context length")]
    [InlineData("LM Studio", "Trying to keep the first 9813 tokens when context the overflows. However, the model is " +
        "loaded with context length of only 4096 tokens, which is not enough.")]
    [InlineData("Mistral", "Prompt contains 4000 tokens, too large for model with 32768 maximum context length")]
    [InlineData("Gemini", "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).")]
    [InlineData("Groq", "Please reduce the length of the messages or completion.")]
    [InlineData("DeepSeek", "This model's maximum context length is 65536 tokens. However, you requested 80000.")]
    [InlineData("OpenRouter", "This endpoint's maximum context length is 32768 tokens. However, you requested 42832.")]
    [InlineData("Bedrock", "Input is too long for requested model.")]
    [InlineData("Bedrock", "Input Tokens Exceeded: Number of input tokens exceeds maximum length.")]
    [InlineData("Anthropic", "prompt is too long: 1284668 tokens > 1000000 maximum")]
    [InlineData("Anthropic", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000")]
    [InlineData("xAI", "This model's maximum prompt length is 131072 but the request contains 537812 tokens.")]
    [InlineData("Copilot", "prompt token count of 140000 exceeds the limit of 128000")]
    [InlineData("MiniMax", "invalid params, context window exceeds limit (2013)")]
    [InlineData("Moonshot", "Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)")]
    [InlineData("Cohere", "too many tokens: the total number of tokens in the prompt exceeds the limit of 4081.")]
    [InlineData("Zhipu", "Prompt exceeds max length")]
    [InlineData("Qwen", "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]")]
    [InlineData("TGI", "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 9000")]
    [InlineData("Perplexity", "The total length of all messages is too long.")]
    public void Context_ThatIsTooLong_IsRecognised(string server, string message)
    {
        Assert.True(ContextLength.IsExceeded(message, null, null), server);
        Assert.True(ContextLength.IsExceeded(message.ToUpperInvariant(), "invalid_request_error", "400"), server);
        Assert.False(RequestFault.IsNamed(message), server);
    }

    [Theory]
    [InlineData("context_length_exceeded", null)]
    [InlineData(null, "context_length_exceeded")]
    [InlineData("exceed_context_size_error", "400")]
    public void Context_ThatIsTooLongByTypeOrCode_IsRecognised(string? type, string? code) =>
        Assert.True(ContextLength.IsExceeded("anything", type, code));

    [Theory]
    [InlineData("top_p exceeds 1")]
    [InlineData("this model has a context length of its own taste")]
    [InlineData("Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.")]
    [InlineData("Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000, please " +
        "reduce your message size and try again.")]
    [InlineData("Too many tokens, please wait before trying again.")]
    [InlineData("Number of request tokens has exceeded your per-minute rate limit")]
    [InlineData("You exceeded your current quota, please check your plan and billing details.")]
    [InlineData("max_tokens is too large: 6000. This model supports at most 4096 completion tokens.")]
    [InlineData("Invalid 'input': string too long. Expected a string with maximum length 1048576.")]
    [InlineData("tools[0].function.name exceeds the maximum allowed length of 64 characters")]
    [InlineData("image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes")]
    [InlineData("Invalid 'tools': array too long. Expected an array with maximum length 128.")]
    [InlineData("Too many requests; maximum concurrency exceeded")]
    [InlineData("System prompt is too long (at most 10000 characters)")]
    [InlineData("CUDA out of memory")]
    [InlineData("")]
    public void Message_OfAnotherMistake_IsNoContextThatIsTooLong(string message) =>
        Assert.False(ContextLength.IsExceeded(message, "invalid_request_error", null));

    [Theory]
    [InlineData("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj")]
    [InlineData("audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj")]
    [InlineData("Failed to load image or audio file")]
    [InlineData("Failed to download image")]
    [InlineData("Conversation roles must alternate user/assistant/user/assistant/... at row 19, column 27:\n {%- if")]
    [InlineData("Value is not callable: null at row 49, column 79:\n  {%- set content")]
    [InlineData("While executing CallExpression at line 189, column 32 in source:\n...")]
    [InlineData("Error: Jinja Exception: System message must be at the beginning.")]
    [InlineData("tools param requires --jinja flag")]
    [InlineData("Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error")]
    [InlineData("Failed to parse messages: Missing 'role' in message")]
    [InlineData("JSON schema conversion failed:\nUnrecognized schema")]
    [InlineData("unsupported content[].type")]
    [InlineData("this model is missing data required for image input")]
    [InlineData("Failed to create new sequence: failed to process inputs: image: unknown format")]
    [InlineData("template: :3:10: executing \"\" at <.Tools>: error calling json")]
    [InlineData("Error rendering prompt with jinja template: \"No user query found in messages.\".")]
    [InlineData("Model does not support images. Please use a model that does.")]
    [InlineData("jinja2.exceptions.TemplateError: This model only supports single tool-calls at once!")]
    [InlineData("Internal server error: cannot identify image file <_io.BytesIO object>")]
    public void Failure_ThatTheRequestCauses_IsRecognised(string message)
    {
        Assert.True(RequestFault.IsNamed(message));
        Assert.False(ContextLength.IsExceeded(message, "server_error", "500"));
    }

    [Theory]
    [InlineData("CUDA error: operation not supported")]
    [InlineData("out of memory")]
    [InlineData("llama runner process no longer running: 2")]
    [InlineData("Failed to parse input at pos 12: <tool_call>")]
    [InlineData("error parsing tool call: raw='{\"a\":', err=unexpected end of JSON input")]
    [InlineData("The model produced output that does not match the expected peg-native format")]
    [InlineData("Expecting value: line 1 column 1 (char 0)")]
    [InlineData("EngineCore encountered an issue. See stack trace for the root cause.")]
    [InlineData("Loading model")]
    [InlineData("Internal Server Error")]
    [InlineData("")]
    public void Failure_OfTheServerItself_IsNotTheRequests(string message) =>
        Assert.False(RequestFault.IsNamed(message));
}
